"""The settings and their types. Defaults live in default.toml, so that what is documented is what runs."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    IPvAnyNetwork,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.destinations import DestinationSettings
from config.section import AeTitle, Section

#: CXR_SECTION__KEY is the environment twin of section.key.
PREFIX = "CXR_"
DELIMITER = "__"

#: TCP port; 0 takes any free one.
ListenPort = Annotated[int, Field(ge=0, le=65535)]


class ServiceSettings(Section):
    """Where the service keeps things, and how it logs."""

    data_dir: Path
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["auto", "json", "console"]

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()


class ListenerSettings(Section):
    """The Storage SCP."""

    host: str
    port: ListenPort
    ae_title: AeTitle
    accepted_called_ae_titles: tuple[str, ...]
    accepted_calling_ae_titles: tuple[AeTitle, ...]
    accepted_addresses: tuple[IPvAnyNetwork, ...]
    secondary_capture_ae_titles: tuple[AeTitle, ...]
    maximum_associations: PositiveInt
    acse_timeout_seconds: PositiveFloat
    network_timeout_seconds: PositiveFloat
    maximum_object_megabytes: PositiveInt


class ReadinessSettings(Section):
    """When a study counts as complete, and how often that is looked at."""

    study_quiet_seconds: PositiveFloat
    sweep_seconds: PositiveFloat
    association_stale_seconds: PositiveFloat
    requeue_seconds: PositiveFloat


class DatabaseSettings(Section):
    """The database; its URL may hold a password."""

    url: SecretStr


class BrokerSettings(Section):
    """Celery's broker; its URL may hold a password."""

    url: SecretStr
    visibility_timeout_seconds: PositiveInt


class _TaskLimits(Section):
    soft_time_limit_seconds: PositiveInt
    hard_time_limit_seconds: PositiveInt
    lease_margin_seconds: PositiveFloat

    @model_validator(mode="after")
    def _hard_exceeds_soft(self) -> Self:
        if self.hard_time_limit_seconds <= self.soft_time_limit_seconds:
            message = "hard_time_limit_seconds must exceed soft_time_limit_seconds"
            raise ValueError(message)
        return self

    @property
    def lease_seconds(self) -> float:
        """Seconds for which a claim holds: longer than the process can live with it."""
        return self.hard_time_limit_seconds + self.lease_margin_seconds


class AnalysisSettings(_TaskLimits):
    """The task that reads studies."""

    processes: PositiveInt
    max_attempts: PositiveInt
    retry_seconds: PositiveFloat
    refuse_outside_population: bool


class ModelSettings(Section):
    """Which network reads, and at which operating point."""

    weights_dir: str
    version: str
    operating_point: str
    finding_scheme: Literal["SNOMED", "RADLEX"]


class DeliverySettings(_TaskLimits):
    """The task that sends reports, and the one layer that retries it."""

    processes: PositiveInt
    first_retry_seconds: PositiveFloat
    longest_retry_seconds: PositiveFloat
    max_attempts: PositiveInt


class Settings(BaseSettings):
    """All settings; see default.toml for what each means."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True, env_ignore_empty=False
    )

    service: ServiceSettings
    listener: ListenerSettings
    readiness: ReadinessSettings
    database: DatabaseSettings
    broker: BrokerSettings
    analysis: AnalysisSettings
    model: ModelSettings
    delivery: DeliverySettings
    destinations: tuple[DestinationSettings, ...] = ()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        longest = max(self.analysis.hard_time_limit_seconds, self.delivery.hard_time_limit_seconds)
        if self.broker.visibility_timeout_seconds <= longest:
            message = f"broker.visibility_timeout_seconds must exceed every hard_time_limit_seconds ({longest})"
            raise ValueError(message)
        names = [destination.name for destination in self.destinations]
        if len(names) != len(set(names)):
            message = "destinations: each needs a name of its own"
            raise ValueError(message)
        return self

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL, with the default filled in."""
        return self.database.url.get_secret_value() or f"sqlite:///{self.service.data_dir / 'cxr-triage.sqlite'}"

    @property
    def run_dir(self) -> Path:
        """Folder for sockets, locks and the files that say where a process listens."""
        return self.service.data_dir / "run"
