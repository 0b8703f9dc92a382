"""What the processes that read and send need beyond bootstrap.Collaborators: the network, and reports.

Apart from it, because the listener and the sweep start faster, and stay smaller, without ONNX Runtime and highdicom.
"""

from functools import cached_property
from pathlib import Path

from config.settings import Settings
from dicom_gateway.codes import FindingScheme
from domain.finding import OperatingPoint
from model.card import ModelCard, check_version, read_card
from model.classifier import Classifier, packaged_weights
from worker.analysis import StudyAnalysis
from worker.bootstrap import Collaborators
from worker.delivery import ReportDelivery
from worker.pipeline import Pipeline
from worker.reporting import ReportKeeper


class WorkCollaborators(Collaborators):
    """Everything a worker needs, each built when it is first asked for."""

    @cached_property
    def classifier(self) -> Classifier:
        """The network of the active version. Raises ConfigurationInvalid."""
        return Classifier.load(weights_root(self.settings), self.settings.model.version)

    @cached_property
    def operating_point(self) -> OperatingPoint:
        """The operating point in force. Raises ConfigurationInvalid when the model card has none of that name."""
        return self.classifier.card.operating_point(self.settings.model.operating_point or None)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The way of an image through the network."""
        return Pipeline(
            self.classifier,
            self.operating_point,
            refuse_outside_population=self.settings.analysis.refuse_outside_population,
        )

    @cached_property
    def analysis(self) -> StudyAnalysis:
        """What the task analyse_study does."""
        return StudyAnalysis(
            self.engine,
            self.store,
            self.pipeline,
            self.settings.model.version,
            self.doorbell,
            self.settings.analysis,
            list(self.destinations),
        )

    @cached_property
    def delivery(self) -> ReportDelivery:
        """What the task deliver_report does."""
        keeper = ReportKeeper(self.engine, self.store, self.card_of, FindingScheme[self.settings.model.finding_scheme])
        return ReportDelivery(self.engine, keeper, self.destinations, self.settings.delivery)

    def card_of(self, version: str) -> ModelCard:
        """Give the card of any installed version. Raises ConfigurationInvalid."""
        return read_card(weights_root(self.settings) / check_version(version))


def weights_root(settings: Settings) -> Path:
    """Folder with one folder per model version."""
    return Path(settings.model.weights_dir).expanduser() if settings.model.weights_dir else packaged_weights()
