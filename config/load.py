"""Read the settings: default.toml, the user's TOML file, CXR_* variables, the command line."""

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, TomlConfigSettingsSource

from config.settings import DELIMITER, PREFIX, Settings
from domain.errors import ConfigurationInvalid
from domain.failpoints import FAILPOINTS_VARIABLE

DEFAULTS_FILE = Path(__file__).with_name("default.toml")
#: Names the user's own TOML file, as --config does.
CONFIG_VARIABLE = "CXR_CONFIG"


def load_settings(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read defaults, `file` (or $CXR_CONFIG), CXR_* variables and `overrides`, the later above the earlier.

    Raises ConfigurationInvalid that names each bad key and says what would be right.
    """
    if file is None and os.environ.get(CONFIG_VARIABLE):
        file = Path(os.environ[CONFIG_VARIABLE])
    if file is not None and not file.is_file():
        words = "is not a file" if file.exists() else "does not exist"
        raise ConfigurationInvalid(f"settings file {file} {words}")
    _check_variables()
    try:
        return _with_file(file)(**(overrides or {}))
    except ValidationError as error:
        # Without the cause: its input may hold a password.
        raise ConfigurationInvalid("\n".join(_explain(error))) from None
    except OSError as error:
        raise ConfigurationInvalid(f"settings file {file} cannot be read: {error.strerror}") from error
    except ValueError as error:  # malformed TOML, or no UTF-8
        raise ConfigurationInvalid(f"settings file {file} cannot be read: {error}") from error


def _with_file(file: Path | None) -> type[Settings]:
    """Give a Settings class that reads `file`; pydantic-settings takes its files from the class."""

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings names it
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings names it
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            files = [TomlConfigSettingsSource(settings_cls, path) for path in (file, DEFAULTS_FILE) if path]
            return (init_settings, env_settings, *files)

    return FromFile


def forget_variables() -> None:
    """Take every CXR_* variable out of this process's environment, and so out of its children's."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]


def known_keys() -> Iterator[str]:
    """Every key as section.key, or section.table.key; the tables that users name as destinations and peers."""
    yield from (key for key, annotation in _annotations(Settings) if _as_table(annotation) is None)


def _annotations(model: type[BaseModel], stem: str = "") -> Iterator[tuple[str, Any]]:
    """Give every key, section and table below `model`, with its type."""
    for name, field in model.model_fields.items():
        yield f"{stem}{name}", field.annotation
        if table := _as_table(field.annotation):
            yield from _annotations(table, f"{stem}{name}.")


def _as_table(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any annotation
    is_table = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_table else None


def variable_of(key: str) -> str:
    """Name the environment twin of a key: listener.port -> CXR_LISTENER__PORT."""
    return PREFIX + key.replace(".", DELIMITER).upper()


def _check_variables() -> None:
    """Stop on a CXR_* variable that sets nothing (a typo must not pass for a setting), or whose JSON is broken."""
    kinds = {variable_of(key): _json_kind(annotation) for key, annotation in _annotations(Settings)}
    for name, value in os.environ.items():
        # pydantic-settings takes variables in either case.
        if not name.upper().startswith(PREFIX) or name in {CONFIG_VARIABLE, FAILPOINTS_VARIABLE}:
            continue
        if name.upper() not in kinds:
            near = _closest(name.upper(), {variable_of(key) for key in known_keys()})
            raise ConfigurationInvalid(f"environment variable {name} sets nothing{near}")
        if kind := kinds[name.upper()]:
            _check_json(name, value, kind)


def _json_kind(annotation: Any) -> type | None:  # noqa: ANN401 - any annotation
    """Give what a variable of this type holds in JSON: a list or an object; None where it is plain text."""
    if get_origin(annotation) is tuple:
        return list
    return dict if _as_table(annotation) or get_origin(annotation) is dict else None


def _check_json(name: str, value: str, kind: type) -> None:
    wanted, example = ("a list", '["A", "B"]') if kind is list else ("an object", '{"key": "value"}')
    try:
        is_right = isinstance(json.loads(value), kind)
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigurationInvalid(f"environment variable {name} must hold {wanted} in JSON, e.g. {example}")


def _closest(word: str, known: set[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _explain(error: ValidationError) -> Iterator[str]:
    known = set(known_keys()) | set(Settings.model_fields)
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"{key}: no such setting{_closest(key, known | _keys_beside(key))}"
        else:
            yield f"{key or 'settings'}: {words_of(problem)}{_allowed(key)}"


def words_of(problem: ErrorDetails) -> str:
    """Say what would be right, in pydantic's words or ours."""
    return problem["msg"].removeprefix("Value error, ")


def _keys_beside(key: str) -> set[str]:
    """Give the keys that would be right in the table of a wrong one: of listener, destinations.0.tls, peers.room."""
    stem = key.rpartition(".")[0]
    table: type[BaseModel] = Settings
    for name in stem.split("."):
        if name in table.model_fields:  # otherwise the place in a list, or a name that the user gave
            annotation = table.model_fields[name].annotation
            table = next(filter(None, map(_as_table, (annotation, *get_args(annotation)))), table)
    return {f"{stem}.{name}" for name in table.model_fields} if stem else set()


def _allowed(key: str) -> str:
    """Say which variable sets a key, where it is documented, and its choices if it has any."""
    annotations = dict(_annotations(Settings))
    while key and key not in annotations:  # an item of a list, a key of a table that users name
        key = key.rpartition(".")[0]
    if not key or _as_table(annotations[key]):
        return ""
    choices = get_args(annotations[key])
    listed = f" (one of {', '.join(map(str, choices))})" if choices and all(isinstance(c, str) for c in choices) else ""
    return f"{listed}; variable {variable_of(key)}, documented in config/default.toml"
