"""What the processes that read and send need beyond bootstrap.Collaborators: the network, and reports.

Apart from it, because the listener and the sweep start faster, and stay smaller, without ONNX Runtime and highdicom.
"""

from functools import cached_property

from config.destinations import (
    DestinationSettings,
    DicomwebDestinationSettings,
    Hl7DestinationSettings,
    UpsDestinationSettings,
)
from config.settings import READING_WORKLIST
from dicom_gateway.codes import FindingScheme
from dicom_gateway.report import BASIC_TEXT_SR, REPORT_SOP_CLASSES
from dicom_gateway.stow_scu import WebDestination
from hl7_gateway.oru import Addresses
from hl7_gateway.sending import Hl7Peer
from model.card import ModelCard, check_version, read_card
from worker.analysis import StudyAnalysis
from worker.announcing import Announcer
from worker.bootstrap import Collaborators, destination
from worker.captures import CaptureKeeper
from worker.confirming import DeliveryConfirmation, Keeper
from worker.couriers import Courier, StorageCourier
from worker.delivery import ReportDelivery
from worker.gateway_values import client_tls
from worker.hl7_courier import Hl7Courier
from worker.model_versions import ModelVersions, weights_root
from worker.report_choice import ReportChoice
from worker.reporting import ReportKeeper
from worker.stow_courier import StowCourier
from worker.ups_courier import UpsCourier
from worker.worklist_courier import WorklistCourier


def report_sop_classes(settings: DestinationSettings | DicomwebDestinationSettings) -> tuple[str, ...]:
    """Give what a report for a destination may be written as, best first."""
    return (BASIC_TEXT_SR,) if settings.report_format == "basic_text" else REPORT_SOP_CLASSES


def web_destination(settings: DicomwebDestinationSettings) -> WebDestination:
    """Give the values that the gateway needs to reach one DICOMweb server."""
    return WebDestination(
        name=settings.name,
        url=settings.url.rstrip("/"),
        bearer_token=settings.bearer_token.get_secret_value(),
        connect_timeout_seconds=settings.connect_timeout_seconds,
        response_timeout_seconds=settings.response_timeout_seconds,
        tls=client_tls(settings.tls),
    )


def hl7_peer(settings: Hl7DestinationSettings) -> Hl7Peer:
    """Give the values that the HL7 gateway needs to reach one receiver."""
    return Hl7Peer(
        name=settings.name,
        host=settings.host,
        port=settings.port,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        response_timeout_seconds=settings.response_timeout_seconds,
    )


class WorkCollaborators(Collaborators):
    """Everything a worker needs, each built when it is first asked for."""

    @cached_property
    def versions(self) -> ModelVersions:
        """The versions in force, as the settings and the database name them."""
        return ModelVersions.of_service(self.settings, self.engine)

    @cached_property
    def analysis(self) -> StudyAnalysis:
        """What the task analyse_study does."""
        return StudyAnalysis(
            self.engine,
            self.store,
            self.versions.pipeline,
            self.doorbell,
            self.settings.analysis,
            list(self.settings.destination_names),
        )

    @cached_property
    def reports(self) -> ReportKeeper:
        """What builds and keeps reports."""
        return ReportKeeper(self.engine, self.store, self.card_of, FindingScheme[self.settings.model.finding_scheme])

    @cached_property
    def captures(self) -> CaptureKeeper:
        """What builds and keeps pictures of heat maps."""
        return CaptureKeeper(self.engine, self.store, self.reports.content_of)

    @cached_property
    def delivery(self) -> ReportDelivery:
        """What the task deliver_report does."""
        wishes = {settings.name: settings for settings in self.settings.destinations}
        couriers: dict[str, Courier] = {
            name: StorageCourier(self._choice_for(wishes[name]), destination)
            for name, destination in self.destinations.items()
        }
        couriers |= {settings.name: self._ups_courier(settings) for settings in self.settings.ups_destinations}
        couriers |= {settings.name: self._hl7_courier(settings) for settings in self.settings.hl7_destinations}
        couriers |= {
            settings.name: StowCourier(self._choice_for(settings), web_destination(settings))
            for settings in self.settings.dicomweb_destinations
        }
        if self.settings.reading_worklist.ups_scp:
            couriers[READING_WORKLIST] = self._worklist_courier()
        return ReportDelivery(self.engine, couriers, self.settings.delivery, confirmed=self._keepers.keys())

    @cached_property
    def confirmation(self) -> DeliveryConfirmation:
        """What the task confirm_delivery does."""
        settings = self.settings
        return DeliveryConfirmation(
            self.engine, self._keepers, self.commitment_answers, settings.commitment, settings.delivery
        )

    @property
    def _keepers(self) -> dict[str, Keeper]:
        """The destinations that may be asked what they keep."""
        keepers = {
            d.name: Keeper(self.destinations[d.name], d.commitment == "auto", d.verification == "auto")
            for d in self.settings.destinations
            if d.name in self.destinations
        }
        return {name: keeper for name, keeper in keepers.items() if keeper.commitment or keeper.query}

    @cached_property
    def announcer(self) -> Announcer:
        """What says of a result where it is announced."""
        return Announcer(self.engine, self.reports)

    def _ups_courier(self, settings: UpsDestinationSettings) -> UpsCourier:
        return UpsCourier(
            self.announcer,
            destination(settings, self.settings.listener.ae_title),
            self._choice_of(settings.report_destination),
            retrieve_ae_title=settings.retrieve_ae_title or settings.ae_title,
            worklist_label=settings.worklist_label,
            cancel_replaced=settings.cancel_replaced,
        )

    def _worklist_courier(self) -> WorklistCourier:
        first = next(iter(self.settings.destinations), None)
        choice = self._choice_for(first) if first is not None else None
        retrieve = first.ae_title if first is not None else ""
        return WorklistCourier(self.announcer, self.reading_worklist, choice, retrieve_ae_title=retrieve)

    def _hl7_courier(self, settings: Hl7DestinationSettings) -> Hl7Courier:
        addresses = Addresses(
            sending_application=settings.sending_application,
            sending_facility=settings.sending_facility,
            receiving_application=settings.receiving_application,
            receiving_facility=settings.receiving_facility,
            processing_id=settings.processing_id,
        )
        return Hl7Courier(self.announcer, hl7_peer(settings), addresses)

    def _choice_of(self, destination: str) -> ReportChoice | None:
        """Give what chooses the report of a PACS; of the first one when none is named, None when there is none."""
        for settings in self.settings.destinations:
            if destination in ("", settings.name):
                return self._choice_for(settings)
        return None

    def _choice_for(self, settings: DestinationSettings | DicomwebDestinationSettings) -> ReportChoice:
        return ReportChoice(
            self.engine,
            self.reports,
            self.captures,
            settings.name,
            report_sop_classes(settings),
            wants_heat_map=settings.heat_map,
        )

    def card_of(self, version: str) -> ModelCard:
        """Give the card of any installed version. Raises ConfigurationInvalid."""
        return read_card(weights_root(self.settings) / check_version(version))
