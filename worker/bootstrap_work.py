"""What the processes that read and send need beyond bootstrap.Collaborators: the network, and reports.

Apart from it, because the listener and the sweep start faster, and stay smaller, without ONNX Runtime and highdicom.
"""

from functools import cached_property

from config.destinations import DestinationSettings
from dicom_gateway.codes import FindingScheme
from dicom_gateway.report import BASIC_TEXT_SR, REPORT_SOP_CLASSES
from model.card import ModelCard, check_version, read_card
from worker.analysis import StudyAnalysis
from worker.bootstrap import Collaborators
from worker.captures import CaptureKeeper
from worker.confirming import DeliveryConfirmation, Keeper
from worker.couriers import StorageCourier
from worker.delivery import ReportDelivery
from worker.model_versions import ModelVersions, weights_root
from worker.report_choice import ReportChoice
from worker.reporting import ReportKeeper


def report_sop_classes(settings: DestinationSettings) -> tuple[str, ...]:
    """Give what a report for a destination may be written as, best first."""
    return (BASIC_TEXT_SR,) if settings.report_format == "basic_text" else REPORT_SOP_CLASSES


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
            list(self.destinations),
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
        couriers = {
            name: StorageCourier(self._choice_for(wishes[name]), destination)
            for name, destination in self.destinations.items()
        }
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

    def _choice_for(self, settings: DestinationSettings) -> ReportChoice:
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
