"""A study as FHIR resources: DiagnosticReport and Task, coded as the Structured Report is.

Checked as R4B (4.3.0), the nearest to R4 (4.0.1) that fhir.resources knows; what is used of them is the same in both.
What the network says is never more than preliminary, whether or not somebody has read the study meanwhile.
"""

from datetime import UTC, datetime
from typing import Any

from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.task import Task

from db.results import operating_point_of
from db.tables import Report, Result
from db.worklist import Row
from db.worklist_tables import WorklistEntry
from dicom_gateway import codes
from dicom_gateway.codes import FindingScheme, concept
from dicom_gateway.report_words import DISCLAIMER, distinct_percentages
from dicom_gateway.ups_workitem import INTERPRETATION
from domain.priority import ReadingPriority
from domain.reading import ReadingState
from domain.study_facts import CodedConcept
from worklist import words

Fhir = dict[str, Any]
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
    "RADLEX": "http://radlex.org",
}
_DICOM_UID = "urn:dicom:uid"
_RADIOLOGY = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD", "display": "Radiology"}
_TASK_STATUS = {ReadingState.WAITING: "requested", ReadingState.READING: "in-progress", ReadingState.READ: "completed"}
_TASK_PRIORITY = {ReadingPriority.STAT: "stat", ReadingPriority.HIGH: "urgent", ReadingPriority.ROUTINE: "routine"}
_DAY_LENGTH = 8


def diagnostic_report(row: Row, report: Report | None, scheme: FindingScheme, file_path: str) -> DiagnosticReport:
    """Give what the network says of a study; "registered", without a result, before it has said anything."""
    result = row.result
    resource: Fhir = {
        "id": row.entry.token,
        "status": "registered" if result is None else "preliminary",
        "category": [{"coding": [_RADIOLOGY]}],
        "code": _concept(concept(codes.DIAGNOSTIC_IMAGING_REPORT)),
        "imagingStudy": [study_reference(row)],
        **_subject(row.entry, "subject"),
    }
    if day := _day(row.entry.study_moment):
        resource["effectiveDateTime"] = day
    if result is not None:
        resource |= {
            "issued": _instant(result.created_at),
            "contained": [_observation(row, result, scheme), _device(result)],
            "result": [{"reference": "#finding"}],
            "conclusion": _conclusion(row, result),
        }
    if report is not None:
        resource["identifier"] = [_uid(report.sop_instance_uid)]
        resource["presentedForm"] = [{"contentType": "application/dicom", "url": file_path}]
    return DiagnosticReport.model_validate(resource)


def task(row: Row) -> Task:
    """Give the work that is to be done: the reading of the study, as it stands on the worklist."""
    entry = row.entry
    resource: Fhir = {
        "id": entry.token,
        "status": _TASK_STATUS[entry.reading_state],
        "intent": "order",
        "priority": _TASK_PRIORITY[entry.reading_priority],
        "code": _concept(concept(INTERPRETATION)),
        "focus": study_reference(row),
        "reasonReference": {"reference": f"DiagnosticReport/{entry.token}"},
        "authoredOn": _instant(row.waiting_since),
        "lastModified": _instant(max(entry.state_changed_at, row.waiting_since)),
        "businessStatus": {"text": f"On the reading worklist: {entry.reading_state.value}"},
        **_subject(entry, "for"),
    }
    if entry.reader:
        resource["owner"] = {"display": _text(entry.reader)}
    return Task.model_validate(resource)


def study_reference(row: Row) -> Fhir:
    """Refer to the study by its Study Instance UID, as FHIR's ImagingStudy is identified."""
    return {"type": "ImagingStudy", "identifier": _uid(row.study.study_instance_uid)}


def _observation(row: Row, result: Result, scheme: FindingScheme) -> Fhir:
    observation: Fhir = {
        "resourceType": "Observation",
        "id": "finding",
        "status": "preliminary",
        "code": _concept(concept(codes.PNEUMONIA[scheme])),
        "valueCodeableConcept": _concept(concept(codes.PRESENCE[result.assessment])),
        "bodySite": _concept(concept(codes.LUNG)),
        "device": {"reference": "#algorithm"},
        **_subject(row.entry, "subject"),
    }
    point = operating_point_of(result)
    if result.probability is not None and point is not None:
        shown, limit = distinct_percentages(result.probability, point.threshold)
        observation["component"] = [
            _percentage(concept(codes.CERTAINTY_OF_FINDING), shown),
            _percentage(concept(codes.THRESHOLD_VALUE), limit),
        ]
    return observation


def _device(result: Result) -> Fhir:
    return {
        "resourceType": "Device",
        "id": "algorithm",
        "deviceName": [{"name": "cxr-triage", "type": "model-name"}],
        "version": [{"value": _text(result.model_version)}],
        "type": _concept(concept(codes.ARTIFICIAL_INTELLIGENCE)),
    }


def _conclusion(row: Row, result: Result) -> str:
    refused = words.not_analysed(row.study, result)
    return _text(f"{refused or words.finding(result)}. {DISCLAIMER}")


def _percentage(name: CodedConcept, value: float) -> Fhir:
    percent = concept(codes.PERCENT)
    quantity = {"value": value, "unit": "%", "system": _SYSTEMS[percent.scheme], "code": percent.value}
    return {"code": _concept(name), "valueQuantity": quantity}


def _concept(code: CodedConcept) -> Fhir:
    coding = {"system": _SYSTEMS[code.scheme], "code": code.value, "display": code.meaning}
    return {"coding": [coding], "text": code.meaning}


def _subject(entry: WorklistEntry, field: str) -> Fhir:
    """Refer to the patient by what the header says; to nobody when it says nothing."""
    reference: Fhir = {}
    if patient_id := _text(entry.patient_id):
        reference["identifier"] = {"value": patient_id}
    if entry.patient_name:
        reference["display"] = _text(words.person(entry.patient_name))
    return {field: {"type": "Patient", **reference}} if reference else {}


def _uid(uid: str) -> Fhir:
    return {"system": _DICOM_UID, "value": f"urn:oid:{uid}"}


def _text(text: str) -> str:
    """Write a text as FHIR takes it: no white space but single spaces, nothing else that is not printed."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _day(study_moment: str) -> str:
    """Give the day of the study: DICOM tells no zone, so that no time of day can be told here."""
    try:
        return datetime.strptime(study_moment[:_DAY_LENGTH], "%Y%m%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        return ""
