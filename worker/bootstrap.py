"""Where real collaborators are built from settings; what only workers need is in bootstrap_work."""

from functools import cached_property

from celery import Celery

from config.destinations import CalledPeerSettings
from config.settings import Settings
from db.reading_worklist import ReadingWorklist
from db.session import Engine, make_engine
from dicom_gateway.association_policy import AssociationPolicy
from dicom_gateway.association_scu import Destination
from dicom_gateway.commitment_scp import CommitmentScp
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.offered_service import OfferedService
from dicom_gateway.scp_config import ScpConfig
from dicom_gateway.store_removal import StoreRemoval
from dicom_gateway.transfer_syntaxes import RECEIVED_TRANSFER_SYNTAXES
from dicom_gateway.ups_scp import UpsScp
from worker.answering import CommitmentAnswering, SafeKeeping
from worker.clock_watch import ClockWatch, longest_waits
from worker.confirming import CommitmentAnswers
from worker.gateway_values import client_tls, peer_profile, server_tls
from worker.intake import Intake
from worker.intake_watch import IntakeWatch
from worker.queue import Doorbell, make_celery
from worker.readiness import Readiness
from worker.retention import Retention
from worker.sender_ways import SenderWays


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
    def intake_watch(self) -> IntakeWatch:
        """What stops the Storage SCP before the disk is full or the queue endless."""
        return IntakeWatch(self.engine, self.store, self.settings.back_pressure)

    @cached_property
    def retention(self) -> Retention:
        """What removes the images of studies whose time is over."""
        settings = self.settings
        quota = settings.back_pressure.quota_megabytes
        return Retention(self.engine, self.store, StoreRemoval(self.store), settings.retention, quota)

    @cached_property
    def readiness(self) -> Readiness:
        """The sweep."""
        settings = self.settings
        watch = ClockWatch(self.engine, longest_waits(settings))
        return Readiness(self.engine, self.doorbell, settings.readiness, settings.analysis, settings.delivery, watch)

    @cached_property
    def reading_worklist(self) -> ReadingWorklist:
        """The reading worklist, as other systems see it."""
        return ReadingWorklist(self.engine)

    @property
    def offered_services(self) -> list[OfferedService]:
        """What the listener offers beside storage."""
        services = [self.commitment_scp.service()]
        worklist = self.settings.reading_worklist
        if worklist.ups_scp:
            services.append(UpsScp(self.reading_worklist).service(worklist.ups_ae_titles))
        return services

    @cached_property
    def destinations(self) -> dict[str, Destination]:
        """Where reports go, by name."""
        calling = self.settings.listener.ae_title
        return {d.name: destination(d, calling) for d in self.settings.destinations}

    @cached_property
    def commitment_answers(self) -> CommitmentAnswers:
        """What takes the answers of destinations."""
        return CommitmentAnswers(self.engine, self.settings.commitment, self.settings.delivery)

    @cached_property
    def answering(self) -> CommitmentAnswering:
        """What the task answer_commitment does, and what takes the requests of senders."""
        keeping, settings = SafeKeeping(self.engine, self.store), self.settings
        attempts = settings.commitment.answer_attempts
        return CommitmentAnswering(self.engine, keeping, self.sender_ways.to, settings.delivery, attempts)

    @cached_property
    def commitment_scp(self) -> CommitmentScp:
        """What the listener does about storage commitment."""
        return CommitmentScp(
            self.answering.on_asked, self.commitment_answers.on_reply, is_offered=self.settings.commitment.offer
        )

    @cached_property
    def sender_ways(self) -> SenderWays:
        """Where senders are told something."""
        return SenderWays(association_policy(self.settings), self.settings.peers, self.destinations.values())


def association_policy(settings: Settings) -> AssociationPolicy:
    """Give the rules of who may associate with the listener."""
    listener = settings.listener
    any_called = "*" in listener.accepted_called_ae_titles
    return AssociationPolicy(
        maximum_associations=listener.maximum_associations,
        called_ae_titles=() if any_called else (listener.ae_title, *listener.accepted_called_ae_titles),
        calling_ae_titles=listener.accepted_calling_ae_titles,
        networks=listener.accepted_addresses,
        sc_senders=listener.secondary_capture_ae_titles or None,
        peers=tuple(peer_profile(name, peer) for name, peer in settings.peers.items()),
        accepts_unnamed_peers=listener.accept_unnamed_peers,
    )


def scp_config(settings: Settings) -> ScpConfig:
    """Give the values that the gateway needs to listen."""
    listener = settings.listener
    return ScpConfig(
        host=listener.host,
        port=None if listener.tls.is_on and not listener.tls.also_plain else listener.port,
        ae_title=listener.ae_title,
        policy=association_policy(settings),
        transfer_syntaxes=RECEIVED_TRANSFER_SYNTAXES,
        maximum_object_bytes=listener.maximum_object_megabytes * 10**6,
        acse_timeout_seconds=listener.acse_timeout_seconds,
        network_timeout_seconds=listener.network_timeout_seconds,
        maximum_pdu_bytes=listener.maximum_pdu_bytes,
        tls=server_tls(listener.tls),
        tls_port=listener.tls.port,
    )


def destination(settings: CalledPeerSettings, calling_ae_title: str) -> Destination:
    """Give the values that the gateway needs to call one peer."""
    return Destination(
        name=settings.name,
        ae_title=settings.ae_title,
        host=settings.host,
        port=settings.port,
        calling_ae_title=calling_ae_title,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        acse_timeout_seconds=settings.association_timeout_seconds,
        dimse_timeout_seconds=settings.response_timeout_seconds,
        network_timeout_seconds=settings.network_timeout_seconds,
        tls=client_tls(settings.tls),
        maximum_pdu_bytes=settings.maximum_pdu_bytes,
    )
