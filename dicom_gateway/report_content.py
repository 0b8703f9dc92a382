"""What one report says: values only, checked to agree with each other before anything is built."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from dicom_gateway.codes import FindingScheme
from dicom_gateway.uids import is_valid_uid
from domain.errors import Rejected
from domain.finding import Assessment, OperatingPoint, Refusal
from domain.priority import ReadingPriority

#: PS3.5 6.2: an LO holds 64 characters, no backslash and no control character.
_LONG_STRING = re.compile(r"[^\x00-\x1f\x7f-\x9f\\]{1,64}")


class ReportContentInvalid(Rejected):
    """The values of a report contradict each other, or cannot be written."""


class Predecessor(NamedTuple):
    """An earlier report on the same study (PS3.3 C.17.2, Predecessor Documents Sequence)."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """The content of one report. Raises ReportContentInvalid when its values do not agree."""

    #: 1 is the first state of the study that was reported; each late image adds one.
    study_revision: int
    #: When the result was made, with a zone. Content Date and Time are its wall clock: give local time.
    created_at: datetime
    #: Name, version and maker of the network: 64 characters at most, never empty.
    model_name: str
    model_version: str
    manufacturer: str
    #: What else defines the algorithm's output, in words (preprocessing, calibration); may be empty.
    algorithm_parameters: str
    assessment: Assessment
    #: Calibrated, in [0, 1]; None exactly when undetermined.
    probability: float | None
    #: The operating point that the probability was compared with; may be None only when undetermined.
    operating_point: OperatingPoint | None
    #: Why nothing was scored; None exactly when something was.
    refusal: Refusal | None
    reading_priority: ReadingPriority
    #: The image that the network read; when undetermined, the one that was refused, or None.
    analysed_sop_instance_uid: str | None
    #: Earlier reports on this study that this one replaces, as (SOP class, SOP instance, series) UIDs.
    predecessors: tuple[Predecessor | tuple[str, str, str], ...] = ()
    finding_scheme: FindingScheme = FindingScheme.SNOMED
    #: The heat-map capture of this result, where the destination is given it too; only of a suspicion.
    capture_sop_instance_uid: str | None = None

    def __post_init__(self) -> None:
        self._check_identity()
        self._check_uids()
        explains = self.capture_sop_instance_uid is None or self.assessment is Assessment.SUSPECTED
        _require(explains, "only a suspicion has a heat map")
        if self.assessment is Assessment.UNDETERMINED:
            _require(self.refusal is not None, "an undetermined report needs a refusal")
            _require(self.probability is None, "an undetermined report has no probability")
        else:
            self._check_scored()

    def _check_identity(self) -> None:
        _require(self.study_revision >= 1, "the study revision starts at 1")
        offset = self.created_at.utcoffset()
        _require(offset is not None and not offset % timedelta(minutes=1), "created_at needs a zone of whole minutes")
        for name in ("model_name", "model_version", "manufacturer"):
            text = getattr(self, name)
            fits = _LONG_STRING.fullmatch(text) is not None and text == text.strip()
            _require(fits, f"{name} must be 1 to 64 printable characters")

    def _check_uids(self) -> None:
        uids = [uid for predecessor in self.predecessors for uid in predecessor]
        uids += filter(None, (self.analysed_sop_instance_uid, self.capture_sop_instance_uid))
        _require(all(is_valid_uid(uid) for uid in uids), "a referenced UID is not valid")

    def _check_scored(self) -> None:
        _require(self.refusal is None, "a scored report has no refusal")
        _require(self.analysed_sop_instance_uid is not None, "a scored report names the analysed image")
        if self.probability is None or self.operating_point is None:
            raise ReportContentInvalid("a scored report needs a probability and an operating point")
        # A NaN is in no range, so it is refused here too.
        for value in (self.probability, self.operating_point.threshold):
            _require(0.0 <= value <= 1.0, "probability and threshold are in [0, 1]")
        agrees = self.operating_point.assess(self.probability) is self.assessment
        _require(agrees, "the assessment contradicts the probability and the threshold")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ReportContentInvalid(otherwise)
