"""Read the settings: default.toml, the user's TOML file, CXR_* variables, the command line."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, TomlConfigSettingsSource

from config.destinations import DestinationSettings
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
        raise ConfigurationInvalid(f"settings file {file} does not exist")
    _refuse_unknown_variables()
    try:
        return _with_file(file)(**(overrides or {}))
    except ValidationError as error:
        raise ConfigurationInvalid("\n".join(_explain(error))) from error
    except ValueError as error:  # malformed TOML, or JSON in a variable
        raise ConfigurationInvalid(f"settings cannot be read ({file or 'environment'}): {error}") from error


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


def _refuse_unknown_variables() -> None:
    """Stop on a CXR_* variable that sets nothing: a typo must not pass for a setting."""
    known = {variable_of(key) for key in known_keys()} | {CONFIG_VARIABLE, FAILPOINTS_VARIABLE}
    sections = {variable_of(section) for section in Settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known | sections:
            raise ConfigurationInvalid(f"environment variable {name} sets nothing{_closest(name, known)}")


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
            yield f"{key or 'settings'}: {problem['msg']}{_allowed(key)}"


def _destination_keys(key: str) -> set[str]:
    stem = key.rpartition(".")[0]
    return {f"{stem}.{name}" for name in DestinationSettings.model_fields} if key.startswith("destinations.") else set()


def _allowed(key: str) -> str:
    """Say where a section's key is documented, and its choices if it has any."""
    section, _, name = key.partition(".")
    field = Settings.model_fields.get(section)
    annotation = field.annotation if field else None
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel) and name in annotation.model_fields):
        return ""
    choices = get_args(annotation.model_fields[name].annotation)
    listed = f" (one of {', '.join(map(str, choices))})" if choices and all(isinstance(c, str) for c in choices) else ""
    return f"{listed}; variable {variable_of(key)}, documented in config/default.toml"
