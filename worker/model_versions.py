"""The versions in force: looked up for each study, loaded when they change."""

from collections.abc import Callable
from pathlib import Path

import structlog

from config.settings import Settings
from db import model_roles
from db.model_roles import Role
from db.session import Engine
from domain.errors import ConfigurationInvalid
from model.classifier import packaged_weights
from model.gated_classifier import GatedClassifier
from model.versions import DEFAULT_VERSION
from worker.pipeline import Pipeline
from worker.reader import Reader

_log = structlog.get_logger()


def weights_root(settings: Settings) -> Path:
    """Folder with one folder per model version."""
    return Path(settings.model.weights_dir).expanduser() if settings.model.weights_dir else packaged_weights()


class ModelVersions:
    """Gives the pipeline of the versions that the settings or the database name now."""

    def __init__(
        self, settings: Settings, roles: Callable[[], dict[Role, str]], *, keeps_heat_maps: bool = False
    ) -> None:
        """`roles` gives what was chosen by command; it may raise StoreUnavailable."""
        self._keeps_heat_maps = keeps_heat_maps
        self._settings = settings
        self._roles = roles
        self._loaded: tuple[str, str | None] | None = None
        self._pipeline: Pipeline | None = None
        self._wanted: Pipeline | None = None

    @classmethod
    def of_service(cls, settings: Settings, engine: Engine) -> "ModelVersions":
        """Look the roles up in the database; every reading has its heat map, to be kept."""
        return cls(settings, lambda: model_roles.versions_by_role(engine), keeps_heat_maps=True)

    @classmethod
    def offline(cls, settings: Settings, *, keeps_heat_maps: bool = False) -> "ModelVersions":
        """Take the configured or the default version, and no shadow."""
        return cls(settings, dict, keeps_heat_maps=keeps_heat_maps)

    def active_version(self) -> str:
        """Name the version that reads: the configured, the chosen, or the default one."""
        return self._settings.model.version or self._roles().get(Role.ACTIVE) or DEFAULT_VERSION

    def pipeline(self, version: str | None) -> Pipeline:
        """Give the pipeline of a version, or with None the one in force. Raises as `current` does."""
        if version is None:
            return self.current()
        if self._wanted is None or self._wanted.version != version:
            self._wanted = self._load(version, None)
        return self._wanted

    def current(self) -> Pipeline:
        """Give the pipeline in force. Raises ConfigurationInvalid, StoreUnavailable."""
        wanted = (self.active_version(), self._roles().get(Role.SHADOW))
        if self._pipeline is None or wanted != self._loaded:
            self._pipeline = self._load(*wanted)
            self._loaded = wanted
        return self._pipeline

    def _load(self, active: str, shadow: str | None) -> Pipeline:
        pipeline = Pipeline(
            self.reader(active),
            self._shadow(shadow) if shadow and shadow != active else None,
            refuse_outside_population=self._settings.analysis.refuse_outside_population,
            keeps_heat_maps=self._keeps_heat_maps,
        )
        _log.info("model_loaded", active=active, shadow=shadow)
        return pipeline

    def reader(self, version: str) -> Reader:
        """Load one version at the configured operating point, or its card's own. Raises ConfigurationInvalid."""
        model = GatedClassifier.load(weights_root(self._settings), version)
        return Reader(model, model.card.operating_point(self._settings.model.operating_point or None))

    def _shadow(self, version: str) -> Reader | None:
        """Load the shadow; one that cannot be loaded must not keep the active one from reading."""
        try:
            return self.reader(version)
        except ConfigurationInvalid as error:
            _log.error("shadow_not_loaded", version=version, error=str(error))
            return None
