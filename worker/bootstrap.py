"""Where real collaborators are built from settings; what only workers need is in bootstrap_work."""

from functools import cached_property

from celery import Celery

from config.destinations import DestinationSettings
from config.settings import Settings
from db.session import Engine, make_engine
from dicom_gateway.association_policy import AssociationPolicy
from dicom_gateway.association_scu import Destination
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.offered_service import OfferedService
from dicom_gateway.storage_scp import ScpConfig
from dicom_gateway.transfer_syntaxes import RECEIVED_TRANSFER_SYNTAXES
from dicom_gateway.ups_scp import UpsScp
from worker.intake import Intake
from worker.queue import Doorbell, make_celery
from worker.readiness import Readiness
from worker.reading_worklist import ReadingWorklist


class Collaborators:
    """Everything a process of the service may need, each built when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def engine(self) -> Engine:
        """The database."""
        return make_engine(self.settings.database_url)

    @cached_property
    def store(self) -> InstanceStore:
        """The instance store."""
        return InstanceStore(self.settings.service.data_dir)

    @cached_property
    def celery(self) -> Celery:
        """The Celery application, without tasks."""
        return make_celery(self.settings)

    @cached_property
    def doorbell(self) -> Doorbell:
        """The way to ring for work."""
        return Doorbell(self.celery, self.engine)

    @cached_property
    def intake(self) -> Intake:
        """What the Storage SCP hands instances to."""
        return Intake(self.engine)

    @cached_property
    def readiness(self) -> Readiness:
        """The sweep."""
        settings = self.settings
        return Readiness(self.engine, self.doorbell, settings.readiness, settings.analysis, settings.delivery)

    @cached_property
    def reading_worklist(self) -> ReadingWorklist:
        """The reading worklist, as other systems see it."""
        return ReadingWorklist(self.engine)

    @property
    def offered_services(self) -> list[OfferedService]:
        """What the listener offers beside storage."""
        worklist = self.settings.reading_worklist
        if not worklist.ups_scp:
            return []
        return [UpsScp(self.reading_worklist).service(worklist.ups_ae_titles)]

    @cached_property
    def destinations(self) -> dict[str, Destination]:
        """Where reports go, by name."""
        calling = self.settings.listener.ae_title
        return {d.name: destination(d, calling) for d in self.settings.destinations}


def scp_config(settings: Settings) -> ScpConfig:
    """Give the values that the gateway needs to listen."""
    listener = settings.listener
    any_called = "*" in listener.accepted_called_ae_titles
    policy = AssociationPolicy(
        maximum_associations=listener.maximum_associations,
        called_ae_titles=() if any_called else (listener.ae_title, *listener.accepted_called_ae_titles),
        calling_ae_titles=listener.accepted_calling_ae_titles,
        networks=listener.accepted_addresses,
        sc_senders=listener.secondary_capture_ae_titles or None,
    )
    return ScpConfig(
        host=listener.host,
        port=listener.port,
        ae_title=listener.ae_title,
        policy=policy,
        transfer_syntaxes=RECEIVED_TRANSFER_SYNTAXES,
        maximum_object_bytes=listener.maximum_object_megabytes * 10**6,
        acse_timeout_seconds=listener.acse_timeout_seconds,
        network_timeout_seconds=listener.network_timeout_seconds,
    )


def destination(settings: DestinationSettings, calling_ae_title: str) -> Destination:
    """Give the values that the gateway needs to reach one PACS."""
    return Destination(
        name=settings.name,
        ae_title=settings.ae_title,
        host=settings.host,
        port=settings.port,
        calling_ae_title=calling_ae_title,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        dimse_timeout_seconds=settings.response_timeout_seconds,
    )
