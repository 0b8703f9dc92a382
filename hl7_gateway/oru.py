"""ORU^R01, HL7 v2.5.1 chapter 7.3.1: one result of one study as a preliminary observation report."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from hl7apy.base_datatypes import ST
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Group, Message, Segment

from domain.study_facts import CodedConcept, StudyFacts
from hl7_gateway.acknowledgement import HL7_VERSION

#: MSH-10 holds 20 characters in 2.5.1.
_CONTROL_ID_LENGTH = 20
_UTF_8 = "UNICODE UTF-8"
#: OBR-25 and OBX-11: no physician has verified it, and none shall take it for a reading.
_PRELIMINARY = "P"
_ABNORMAL = "A"
#: Group representation codes of a DICOM PN, HL7 table 0465.
_REPRESENTATIONS = ("A", "I", "P")
#: XPN and XCN have suffix before prefix, DICOM PN the other way round.
_FAMILY, _GIVEN, _MIDDLE, _PREFIX, _SUFFIX = range(5)
_GENERIC_PROCEDURE = CodedConcept("363679005", "SCT", "Imaging procedure")
_PROBABILITY = CodedConcept("111012", "DCM", "Certainty of Finding")
_THRESHOLD = CodedConcept("122411", "DCM", "Threshold Value")
_PRIORITY = CodedConcept("260870009", "SCT", "Priority")
_COMMENT = CodedConcept("121106", "DCM", "Comment")
_STUDY = CodedConcept("110180", "DCM", "Study Instance UID")
_ALGORITHM = CodedConcept("111001", "DCM", "Algorithm Name")
_ALGORITHM_VERSION = CodedConcept("111003", "DCM", "Algorithm Version")
_PERCENT = CodedConcept("%", "UCUM", "Percent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """MSH-3 to MSH-6 and MSH-11."""

    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    #: P, T or D.
    processing_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OruContent:
    """What one message says."""

    control_id: str
    #: When the result was made, with a zone.
    created_at: datetime
    study: StudyFacts
    finding: CodedConcept
    presence: CodedConcept
    is_suspected: bool
    #: In percent; None when nothing was scored.
    probability: float | None
    threshold: float | None
    priority: CodedConcept
    #: STAT, HIGH or ROUTINE, beside the code.
    reading_priority: str
    comment: str
    algorithm_name: str
    algorithm_version: str


def control_id(study_instance_uid: str, revision: int, model_version: str, destination: str) -> str:
    """Give the Message Control ID of a result at a destination: the same each time, so that it is known again."""
    parts = "\0".join((study_instance_uid, str(revision), model_version, destination))
    return hashlib.sha256(parts.encode()).hexdigest()[:_CONTROL_ID_LENGTH].upper()


def build_oru(content: OruContent, addresses: Addresses) -> bytes:
    """Give the message in ER7 and UTF-8: the same in gives the same bytes out."""
    message = Message("ORU_R01", version=HL7_VERSION, validation_level=VALIDATION_LEVEL.TOLERANT)
    _fill_header(message.msh, content, addresses)
    result = message.add_group("ORU_R01_PATIENT_RESULT")
    _fill_patient(result.add_group("ORU_R01_PATIENT").add_segment("PID"), content.study)
    order = result.add_group("ORU_R01_ORDER_OBSERVATION")
    _fill_order(order, content)
    for number, observation in enumerate(_observations(content), start=1):
        segment = order.add_group("ORU_R01_OBSERVATION").add_segment("OBX")
        _fill(segment, {1: str(number), 4: "1", 11: _PRELIMINARY, 14: date_time(content.created_at), **observation})
    text: str = message.to_er7()
    return f"{text}\r".encode()


def _fill_header(msh: Segment, content: OruContent, addresses: Addresses) -> None:
    fields = {
        3: escaped(addresses.sending_application),
        4: escaped(addresses.sending_facility),
        5: escaped(addresses.receiving_application),
        6: escaped(addresses.receiving_facility),
        7: date_time(content.created_at),
        9: "ORU^R01^ORU_R01",
        10: content.control_id,
        11: addresses.processing_id,
        12: HL7_VERSION,
        18: _UTF_8,
    }
    _fill(msh, fields)


def _fill_patient(pid: Segment, study: StudyFacts) -> None:
    identifier = components(study.patient_id, "", "", study.issuer_of_patient_id)
    _fill(pid, {1: "1", 3: identifier, 7: study.patient_birth_date, 8: study.patient_sex})
    for name in names(study.patient_name):
        # A repetition each: alphabetic, ideographic, phonetic.
        pid.add_field("PID_5").value = name


def _fill_order(order: Group, content: OruContent) -> None:
    study = content.study
    placer, filler = escaped(study.placer_order_number), escaped(study.filler_order_number or study.accession_number)
    _fill(order.add_segment("ORC"), {1: "RE", 2: placer, 3: filler})
    procedure = study.requested_procedure_code or _GENERIC_PROCEDURE
    description = study.requested_procedure_description or study.study_description
    fields = {
        1: "1",
        2: placer,
        3: filler,
        # With the modality's own words as the alternate text.
        4: f"{coded(procedure)}^^{escaped(description)}".rstrip("^"),
        7: _study_moment(study),
        16: f"^{_person(study.referring_physician.split('=')[0])}".rstrip("^"),
        # As IHE's Scheduled Workflow maps them: accession number, requested procedure ID.
        18: escaped(study.accession_number),
        19: escaped(study.requested_procedure_id),
        22: date_time(content.created_at),
        24: "RAD",
        25: _PRELIMINARY,
    }
    _fill(order.add_segment("OBR"), fields)


def _observations(content: OruContent) -> Iterator[dict[int, str]]:
    """Give OBX-2, -3, -5, and -6 or -8, for each thing that is said."""
    flag = {8: _ABNORMAL} if content.is_suspected else {}
    # In one segment: a finding that stands without "not detected" beside it would be misread.
    yield {2: "CWE", 3: coded(content.finding), 5: coded(content.presence), **flag}
    for concept, value in ((_PROBABILITY, content.probability), (_THRESHOLD, content.threshold)):
        if value is not None:
            yield {2: "NM", 3: coded(concept), 5: f"{value:.10g}", 6: coded(_PERCENT)}
    # CWE-9: the original text, for STAT and HIGH have one code.
    yield {2: "CWE", 3: coded(_PRIORITY), 5: coded(content.priority) + "^" * 6 + escaped(content.reading_priority)}
    yield {2: "TX", 3: coded(_COMMENT), 5: escaped(content.comment)}
    for concept, text in (
        (_ALGORITHM, content.algorithm_name),
        (_ALGORITHM_VERSION, content.algorithm_version),
        (_STUDY, content.study.study_instance_uid),
    ):
        yield {2: "ST", 3: coded(concept), 5: escaped(text)}


def names(patient_name: str) -> list[str]:
    """Give each component group of a DICOM PN as an XPN, with its representation; none for an empty name."""
    groups = zip(patient_name.split("="), _REPRESENTATIONS, strict=False)
    return [f"{_person(group)}^^L^{representation}" for group, representation in groups if group.strip("^ ")]


def _person(group: str) -> str:
    """Give family, given, further, suffix and prefix, as XPN and XCN have them."""
    parts = (group.split("^") + [""] * 5)[:5]
    return "^".join(escaped(parts[index]) for index in (_FAMILY, _GIVEN, _MIDDLE, _SUFFIX, _PREFIX))


def coded(code: CodedConcept) -> str:
    """Write a code as CE or CWE: identifier, text, coding system."""
    return components(code.value, code.meaning, code.scheme)


def components(*texts: str) -> str:
    """Join texts to components, each escaped; empty ones at the end are left out."""
    return "^".join(escaped(text) for text in texts).rstrip("^")


def escaped(text: str) -> str:
    """Escape the delimiters of the message (HL7 v2.5.1, 2.7); control characters become spaces.

    The escape character first: the library takes what looks like an escape sequence for one.
    """
    printable = "".join(char if char.isprintable() else " " for char in text)
    return str(ST(printable.replace("\\", "\\E\\")).to_er7())


def date_time(moment: datetime) -> str:
    """Write a moment as TS with its zone."""
    return f"{moment:%Y%m%d%H%M%S%z}"


def _study_moment(study: StudyFacts) -> str:
    """Give Study Date and Time as TS; "" without a date."""
    if not study.study_date:
        return ""
    time = study.study_time if len(study.study_time.partition(".")[0]) != len("HH") else f"{study.study_time}00"
    whole, dot, fraction = time.partition(".")
    # TS has at most four digits of a second's fraction.
    shown = f"{whole}{dot}{fraction[:4]}" if whole else ""
    return f"{study.study_date}{shown}{study.timezone_offset if shown else ''}"


def _fill(segment: Segment, fields: dict[int, str]) -> None:
    for number, value in sorted(fields.items()):
        if value:
            setattr(segment, f"{segment.name.lower()}_{number}", value)


def patient_words(study: StudyFacts) -> Sequence[str]:
    """List what an answer could quote of the patient, for whoever must not log it; longest first."""
    split = study.patient_name.replace("=", "^").split("^")
    words = {*split, study.patient_name, study.patient_id, study.patient_birth_date, study.accession_number}
    return sorted((word for word in words if len(word) > 1), key=len, reverse=True)
