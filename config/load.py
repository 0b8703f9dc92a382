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

from config.destinations import DestinationSettings, Hl7DestinationSettings, UpsDestinationSettings
from config.settings import DELIMITER, PREFIX, Settings
from domain.errors import ConfigurationInvalid
from domain.failpoints import FAILPOINTS_VARIABLE

DEFAULTS_FILE = Path(__file__).with_name("default.toml")
#: The tables of which there may be several.
_DESTINATIONS: Mapping[str, type[BaseModel]] = {
    "destinations": DestinationSettings,
    "ups_destinations": UpsDestinationSettings,
    "hl7_destinations": Hl7DestinationSettings,
}
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
    """Every key as section.key; destinations as destinations."""
    for section, field in Settings.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from (f"{section}.{key}" for key in annotation.model_fields)
        else:
            yield section


def variable_of(key: str) -> str:
    """Name the environment twin of a key: listener.port -> CXR_LISTENER__PORT."""
    return PREFIX + key.replace(".", DELIMITER).upper()


def _check_variables() -> None:
    """Stop on a CXR_* variable that sets nothing (a typo must not pass for a setting), or whose JSON is broken."""
    keys = {variable_of(key): key for key in known_keys()}
    sections = {variable_of(section): section for section in Settings.model_fields}
    for name, value in os.environ.items():
        # pydantic-settings takes variables in either case.
        if not name.upper().startswith(PREFIX) or name in {CONFIG_VARIABLE, FAILPOINTS_VARIABLE}:
            continue
        key = (keys | sections).get(name.upper())
        if key is None:
            raise ConfigurationInvalid(f"environment variable {name} sets nothing{_closest(name.upper(), set(keys))}")
        if key in sections.values():
            _check_json(name, value, list if key in _DESTINATIONS else dict)
        elif get_origin(_annotation(key)) is tuple:
            _check_json(name, value, list)


def _check_json(name: str, value: str, kind: type) -> None:
    wanted, example = ("a list", '["A", "B"]') if kind is list else ("an object", '{"key": "value"}')
    try:
        is_right = isinstance(json.loads(value), kind)
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigurationInvalid(f"environment variable {name} must hold {wanted} in JSON, e.g. {example}")


def _annotation(key: str) -> Any:  # noqa: ANN401 - any type that a key may have
    """Give the type of section.key; None for what is none."""
    section, _, name = key.partition(".")
    field = Settings.model_fields.get(section)
    annotation = field.annotation if field else None
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel) and name in annotation.model_fields):
        return None
    return annotation.model_fields[name].annotation


def _closest(word: str, known: set[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _explain(error: ValidationError) -> Iterator[str]:
    known = set(known_keys()) | set(Settings.model_fields)
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield f"{key}: no such setting{_closest(key, known | _destination_keys(key))}"
        else:
            yield f"{key or 'settings'}: {words_of(problem)}{_allowed(key)}"


def words_of(problem: ErrorDetails) -> str:
    """Say what would be right, in pydantic's words or ours."""
    return problem["msg"].removeprefix("Value error, ")


def _destination_keys(key: str) -> set[str]:
    stem, table = key.rpartition(".")[0], key.partition(".")[0]
    return {f"{stem}.{name}" for name in _DESTINATIONS[table].model_fields} if table in _DESTINATIONS else set()


def _allowed(key: str) -> str:
    """Say which variable sets a key, where it is documented, and its choices if it has any."""
    section, name = (*key.split("."), "")[:2]
    if section in _DESTINATIONS:
        return f"; variable {variable_of(section)}, documented in config/default.toml"
    annotation = _annotation(f"{section}.{name}")
    if annotation is None:
        return ""
    choices = get_args(annotation)
    listed = f" (one of {', '.join(map(str, choices))})" if choices and all(isinstance(c, str) for c in choices) else ""
    return f"{listed}; variable {variable_of(f'{section}.{name}')}, documented in config/default.toml"
