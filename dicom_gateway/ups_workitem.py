"""The Unified Procedure Step that asks for the reading of one study: PS3.3 B.26, PS3.4 Table CC.2.5-3."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.tag import Tag

from dicom_gateway.codes import concept
from dicom_gateway.own_instance import reference
from dicom_gateway.source_header import UNICODE, is_ascii
from dicom_gateway.uids import report_series_uid
from domain.priority import ReadingPriority
from domain.study_facts import CodedConcept, InstanceReference, StudyFacts
from domain.workitem import WorkitemState

#: UPS Push: the SOP class of every instance, whatever service it is reached by (PS3.4 CC.3.1).
UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
UPS_WATCH = "1.2.840.10008.5.1.4.34.6.2"
UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
UPS_QUERY = "1.2.840.10008.5.1.4.34.6.5"
#: CID 9231.
INTERPRETATION = Code("110005", "DCM", "Interpretation")
#: Scheduled Procedure Step Priority (0074,1200). Never LOW: priority is only ever raised (ARCHITECTURE promise 4).
PRIORITIES = {ReadingPriority.STAT: "HIGH", ReadingPriority.HIGH: "HIGH", ReadingPriority.ROUTINE: "MEDIUM"}
_LABEL = "Interpretation of a radiograph"
_LONG_STRING_LENGTH = 64
#: Type 2 in Table CC.2.5-3 for N-CREATE: sent empty where nothing is known.
_TYPE_2 = (
    "TransactionUID",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "IssuerOfAdmissionIDSequence",
    "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence",
    "ScheduledProcessingParametersSequence",
    "ScheduledStationNameCodeSequence",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "ProcedureStepProgressInformationSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
)
_REQUEST_TYPE_2 = (
    "IssuerOfAccessionNumberSequence",
    "OrderPlacerIdentifierSequence",
    "OrderFillerIdentifierSequence",
    "RequestedProcedureCodeSequence",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkitemContent:
    """What one workitem asks for."""

    sop_instance_uid: str
    study: StudyFacts
    reading_priority: ReadingPriority
    #: Since when the study waits; with a zone.
    scheduled_at: datetime
    #: What the network says, for the list (Comments on the Scheduled Procedure Step).
    comment: str
    worklist_label: str
    #: AE that images and report can be retrieved from; "" when none is known.
    retrieve_ae_title: str
    #: SOP class and instance of the report; None when it goes nowhere.
    report: tuple[str, str] | None
    #: SOP Instance UID of the workitem that this one replaces: of an earlier revision of the study.
    replaces: str | None


def build_workitem(content: WorkitemContent) -> Dataset:
    """Give the attribute list of an N-CREATE: every attribute of type 1 and 2, and those of type 1C that apply.

    SOP Class and Instance UID are not in it: they are the request's affected ones (PS3.4 CC.2.5.2).
    """
    ds = Dataset()
    for keyword in _TYPE_2:
        _put(ds, keyword, [] if keyword.endswith("Sequence") else "")
    _add_relationship(ds, content.study)
    _add_scheduled(ds, content)
    if content.replaces is not None:
        ds.ReplacedProcedureStepSequence = [reference(UPS_PUSH, content.replaces)]
    if not is_ascii(ds):
        ds.SpecificCharacterSet = UNICODE
    return ds


def _add_relationship(ds: Dataset, study: StudyFacts) -> None:
    """Unified Procedure Step Relationship Module, PS3.3 C.30.4."""
    _put(ds, "PatientName", study.patient_name)
    _put(ds, "PatientID", study.patient_id)
    _put(ds, "IssuerOfPatientID", study.issuer_of_patient_id)
    _put(ds, "PatientBirthDate", study.patient_birth_date)
    _put(ds, "PatientSex", study.patient_sex)
    _put(ds, "AdmissionID", study.admission_id)
    _put(ds, "StudyInstanceUID", study.study_instance_uid)
    request = Dataset()
    for keyword in _REQUEST_TYPE_2:
        _put(request, keyword, [])
    _put(request, "StudyInstanceUID", study.study_instance_uid)
    _put(request, "AccessionNumber", study.accession_number)
    _put(request, "RequestedProcedureID", study.requested_procedure_id)
    _put(request, "RequestedProcedureDescription", study.requested_procedure_description or study.study_description)
    if study.requested_procedure_code is not None:
        request.RequestedProcedureCodeSequence = [code_item(study.requested_procedure_code)]
    for keyword, number in (
        ("PlacerOrderNumberImagingServiceRequest", study.placer_order_number),
        ("FillerOrderNumberImagingServiceRequest", study.filler_order_number),
    ):
        if number:
            _put(request, keyword, number)
    ds.ReferencedRequestSequence = [request]


def _add_scheduled(ds: Dataset, content: WorkitemContent) -> None:
    """Scheduled Procedure and Progress Information modules, PS3.3 C.30.2 and C.30.1."""
    ds.ProcedureStepState = WorkitemState.SCHEDULED.value
    ds.ScheduledProcedureStepPriority = PRIORITIES[content.reading_priority]
    ds.ProcedureStepLabel = _LABEL
    _put(ds, "WorklistLabel", content.worklist_label[:_LONG_STRING_LENGTH])
    ds.ScheduledProcedureStepStartDateTime = date_time(content.scheduled_at)
    ds.ScheduledWorkitemCodeSequence = [code_item(concept(INTERPRETATION))]
    _put(ds, "CommentsOnTheScheduledProcedureStep", content.comment[: _LONG_STRING_LENGTH * 16])
    # The images were here when this was made, and the report is on its way at the same time.
    ds.InputReadinessState = "READY"
    ds.InputInformationSequence = _inputs(content)


def _inputs(content: WorkitemContent) -> list[Dataset]:
    """Referenced Instances and Access Macro, PS3.3 Table 10-3b: one item a series."""
    study_uid = content.study.study_instance_uid
    items = [
        _input(study_uid, series, list(members), content.retrieve_ae_title)
        for series, members in groupby(
            sorted(content.study.images, key=lambda image: image.series_instance_uid),
            key=lambda image: image.series_instance_uid,
        )
    ]
    if content.report is not None:
        series = report_series_uid(study_uid)
        report = InstanceReference(series, *content.report)
        items.append(_input(study_uid, series, [report], content.retrieve_ae_title))
    return items


def _input(study_uid: str, series_uid: str, instances: Sequence[InstanceReference], retrieve_ae_title: str) -> Dataset:
    item = Dataset()
    item.TypeOfInstances = "DICOM"
    item.StudyInstanceUID = study_uid
    item.SeriesInstanceUID = series_uid
    item.ReferencedSOPSequence = [reference(each.sop_class_uid, each.sop_instance_uid) for each in instances]
    if retrieve_ae_title:
        retrieval = Dataset()
        retrieval.RetrieveAETitle = retrieve_ae_title
        item.DICOMRetrievalSequence = [retrieval]
    return item


def code_item(code: CodedConcept) -> Dataset:
    """Code Sequence Macro, PS3.3 Table 8.8-1."""
    item = Dataset()
    _put(item, "CodeValue", code.value)
    _put(item, "CodingSchemeDesignator", code.scheme)
    _put(item, "CodeMeaning", code.meaning[:_LONG_STRING_LENGTH])
    return item


def date_time(moment: datetime) -> str:
    """Write a moment as DT with its zone (PS3.5 6.2): whoever reads it need not know where it was written."""
    return f"{moment:%Y%m%d%H%M%S%z}"


def _put(ds: Dataset, keyword: str, value: object) -> None:
    """Write an element past pydicom's validation, whose warnings quote the value: texts are normalised before."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    ds.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE))
