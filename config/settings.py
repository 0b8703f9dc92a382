"""The settings and their types. Defaults live in default.toml, so that what is documented is what runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, IPvAnyNetwork, PositiveInt, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.commitment import CommitmentSettings
from config.destinations import (
    DestinationSettings,
    DicomwebDestinationSettings,
    Hl7DestinationSettings,
    UpsDestinationSettings,
)
from config.dicomweb import DicomwebSettings
from config.operations import BackPressureSettings, RetentionSettings
from config.peers import PeerName, PeerSettings, contradictions
from config.section import AeTitle, Host, ListenPort, PduBytes, Processes, Seconds, Section, WholeSeconds
from config.tls import ListenerTlsSettings
from config.worklist import WorklistSettings

#: CXR_SECTION__KEY is the environment twin of section.key.
PREFIX = "CXR_"
#: A process that holds the network and has read an image of usual size stays below half of this.
LEAST_TASK_MEGABYTES = 800
DELIMITER = "__"

#: Results are delivered to our own worklist as to any other destination, under this name.
READING_WORKLIST = "reading-worklist"


class ServiceSettings(Section):
    """Where the service keeps things, and how it logs."""

    data_dir: Path
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["auto", "json", "console"]

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if value == Path() or not str(value).isprintable():
            message = "must be a folder's path"
            raise ValueError(message)
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:  # ~somebody, whom this machine does not know
            raise ValueError(str(error)) from None


class ListenerSettings(Section):
    """The Storage SCP."""

    host: Host
    port: ListenPort
    ae_title: AeTitle
    accepted_called_ae_titles: tuple[AeTitle, ...]
    accepted_calling_ae_titles: tuple[AeTitle, ...]
    accept_unnamed_peers: bool
    accepted_addresses: tuple[IPvAnyNetwork, ...]
    secondary_capture_ae_titles: tuple[AeTitle, ...]
    maximum_associations: PositiveInt
    acse_timeout_seconds: Seconds
    network_timeout_seconds: Seconds
    maximum_object_megabytes: PositiveInt
    maximum_pdu_bytes: PduBytes
    tls: ListenerTlsSettings


class ReadinessSettings(Section):
    """When a study counts as complete, and how often that is looked at."""

    study_quiet_seconds: Seconds
    sweep_seconds: Seconds
    association_stale_seconds: Seconds
    requeue_seconds: Seconds


class DatabaseSettings(Section):
    """The database; its URL may hold a password."""

    url: SecretStr


class BrokerSettings(Section):
    """Celery's broker; its URL may hold a password."""

    url: SecretStr
    visibility_timeout_seconds: WholeSeconds


class TaskLimits(Section):
    """What the tasks of one queue may take."""

    processes: Processes
    memory_megabytes: Annotated[int, Field(ge=LEAST_TASK_MEGABYTES, le=1 << 20)]
    soft_time_limit_seconds: WholeSeconds
    hard_time_limit_seconds: WholeSeconds
    lease_margin_seconds: Seconds

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


class AnalysisSettings(TaskLimits):
    """The task that reads studies."""

    max_attempts: PositiveInt
    retry_seconds: Seconds
    refuse_outside_population: bool


class ModelSettings(Section):
    """Which network reads, and at which operating point."""

    weights_dir: str
    version: str
    operating_point: str
    finding_scheme: Literal["SNOMED", "RADLEX"]


class DeliverySettings(TaskLimits):
    """The task that sends reports, and the one layer that retries it."""

    parallel_sends: PositiveInt
    first_retry_seconds: Seconds
    longest_retry_seconds: Seconds
    longest_pause_seconds: Seconds
    max_attempts: PositiveInt


class ReadingWorklistSettings(Section):
    """The reading worklist, as others see it."""

    ups_scp: bool
    ups_ae_titles: tuple[AeTitle, ...]


class Settings(BaseSettings):
    """All settings; see default.toml for what each means."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True, env_ignore_empty=False
    )

    service: ServiceSettings
    listener: ListenerSettings
    back_pressure: BackPressureSettings
    retention: RetentionSettings
    readiness: ReadinessSettings
    database: DatabaseSettings
    broker: BrokerSettings
    analysis: AnalysisSettings
    model: ModelSettings
    delivery: DeliverySettings
    commitment: CommitmentSettings
    reading_worklist: ReadingWorklistSettings
    peers: dict[PeerName, PeerSettings] = {}
    worklist: WorklistSettings
    dicomweb: DicomwebSettings
    destinations: tuple[DestinationSettings, ...] = ()
    ups_destinations: tuple[UpsDestinationSettings, ...] = ()
    hl7_destinations: tuple[Hl7DestinationSettings, ...] = ()
    dicomweb_destinations: tuple[DicomwebDestinationSettings, ...] = ()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        longest = max(self.analysis.hard_time_limit_seconds, self.delivery.hard_time_limit_seconds)
        if self.broker.visibility_timeout_seconds <= longest:
            message = f"broker.visibility_timeout_seconds must exceed every hard_time_limit_seconds ({longest})"
            raise ValueError(message)
        purge_below = self.retention.purge_below_free_megabytes
        if 0 < purge_below < self.back_pressure.accept_above_free_megabytes:
            message = (
                "retention.purge_below_free_megabytes must be 0, or not below "
                "back_pressure.accept_above_free_megabytes: else what is removed lets nothing in again"
            )
            raise ValueError(message)
        self._check_destinations()
        return self

    @model_validator(mode="after")
    def _check_peers(self) -> Self:
        problems = list(contradictions(self.peers))
        if not self.listener.tls.is_on:
            problems += [
                f"peers.{name}.require_tls needs [listener.tls]"
                for name, peer in self.peers.items()
                if peer.require_tls
            ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _check_destinations(self) -> None:
        names = self.destination_names
        if len(names) != len(set(names)):
            message = f"destinations: each needs a name of its own ({', '.join(names)})"
            raise ValueError(message)
        known = {destination.name for destination in self.destinations}
        for destination in self.ups_destinations:
            if destination.report_destination and destination.report_destination not in known:
                message = f"ups_destinations: report_destination {destination.report_destination} is no destination"
                raise ValueError(message)

    @property
    def destination_names(self) -> tuple[str, ...]:
        """Every place that a result is delivered to, whatever way it goes."""
        return tuple(name for name, _ in self._named_places)

    @property
    def destination_places(self) -> dict[str, str]:
        """The same by name: where it is, and which way results go there."""
        return dict(self._named_places)

    @property
    def _named_places(self) -> Sequence[tuple[str, str]]:
        kinds = (self.destinations, self.ups_destinations, self.hl7_destinations, self.dicomweb_destinations)
        places = [(destination.name, destination.place) for kind in kinds for destination in kind]
        return [*places, (READING_WORKLIST, "offered here, by UPS")] if self.reading_worklist.ups_scp else places

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL, with the default filled in."""
        return self.database.url.get_secret_value() or f"sqlite:///{self.service.data_dir / 'cxr-triage.sqlite'}"

    @property
    def run_dir(self) -> Path:
        """Folder for sockets, locks and the files that say where a process listens."""
        return self.service.data_dir / "run"
