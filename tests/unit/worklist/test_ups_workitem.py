from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation

from dicom_gateway.report import COMPREHENSIVE_3D_SR
from dicom_gateway.source_facts import study_facts
from dicom_gateway.uids import report_series_uid, workitem_uid
from dicom_gateway.ups_workitem import UPS_PUSH, WorkitemContent, build_workitem
from domain.priority import ReadingPriority
from domain.study_facts import CodedConcept
from tests.unit.report.builders import AWFUL, COMPLETE, IMAGE_UID, OTHER_IMAGE_UID, SERIES_UID, STUDY_UID, received

#: PS3.4 Table CC.2.5-3, N-CREATE: sent by an SCU with a value, and sent, be it empty.
TYPE_1 = (
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "ScheduledProcedureStepStartDateTime",
    "InputReadinessState",
    "ProcedureStepState",
)
TYPE_2 = (
    "TransactionUID",
    "WorklistLabel",
    "ScheduledProcessingParametersSequence",
    "ScheduledStationNameCodeSequence",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "ScheduledWorkitemCodeSequence",
    "CommentsOnTheScheduledProcedureStep",
    "InputInformationSequence",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "PatientBirthDate",
    "PatientSex",
    "OtherPatientIDsSequence",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence",
    "ReferencedRequestSequence",
    "ProcedureStepProgressInformationSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
)
REQUEST = {
    "StudyInstanceUID",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "OrderPlacerIdentifierSequence",
    "OrderFillerIdentifierSequence",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
}


def content(*headers: Dataset, **changes: Any) -> WorkitemContent:
    """A workitem for headers, with changes."""
    made = WorkitemContent(
        sop_instance_uid="1.2.3",
        study=study_facts(headers or [received()], IMAGE_UID),
        reading_priority=ReadingPriority.HIGH,
        scheduled_at=datetime(2026, 11, 22, 8, 0, tzinfo=UTC),
        comment="Pneumonia suspected.",
        worklist_label="AI triage",
        retrieve_ae_title="PACS",
        report=(COMPREHENSIVE_3D_SR, "1.2.4"),
        replaces=None,
    )
    return replace(made, **changes)


@pytest.mark.parametrize("elements", [COMPLETE, AWFUL])
def test_every_attribute_of_type_1_and_2_is_there(elements: dict[str, bytes]) -> None:
    """For a header without fault, and for one with all of them."""
    ds = build_workitem(content(received(elements)))
    assert [keyword for keyword in TYPE_1 if not ds.get(keyword)] == []
    assert [keyword for keyword in TYPE_2 if keyword not in ds] == []
    assert {element.keyword for element in ds.ReferencedRequestSequence[0]} >= REQUEST


def test_it_asks_for_the_interpretation_of_the_study() -> None:
    """Workitem code 110005 DCM, SCHEDULED, READY, of this patient, study and request."""
    ds = build_workitem(content())
    code = ds.ScheduledWorkitemCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == ("110005", "DCM", "Interpretation")
    assert (ds.ProcedureStepState, ds.InputReadinessState) == ("SCHEDULED", "READY")
    assert (ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex) == ("Doe^Jane", "4711", "19700102", "F")
    assert ds.ScheduledProcedureStepStartDateTime == "20261122080000+0000"
    assert ds.ReferencedRequestSequence[0].AccessionNumber == "A1"
    assert ds.ReferencedRequestSequence[0].StudyInstanceUID == ds.StudyInstanceUID == STUDY_UID


@pytest.mark.parametrize(
    ("reading_priority", "expected"),
    [(ReadingPriority.STAT, "HIGH"), (ReadingPriority.HIGH, "HIGH"), (ReadingPriority.ROUTINE, "MEDIUM")],
)
def test_the_priority_is_high_or_medium_and_never_low(reading_priority: ReadingPriority, expected: str) -> None:
    """Nothing that the network says puts a study behind others."""
    assert build_workitem(content(reading_priority=reading_priority)).ScheduledProcedureStepPriority == expected


def test_images_and_report_are_the_input() -> None:
    """One item a series, each with where it is to be had; the report in its own series."""
    other = received(SOPInstanceUID=OTHER_IMAGE_UID.encode(), SeriesInstanceUID=f"{SERIES_UID}.9".encode())
    first, second, report = build_workitem(content(received(), other)).InputInformationSequence
    assert {item.TypeOfInstances for item in (first, second, report)} == {"DICOM"}
    assert {item.StudyInstanceUID for item in (first, second, report)} == {STUDY_UID}
    assert {item.DICOMRetrievalSequence[0].RetrieveAETitle for item in (first, second, report)} == {"PACS"}
    named = [(i.SeriesInstanceUID, i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) for i in (first, second)]
    assert named == [(SERIES_UID, IMAGE_UID), (f"{SERIES_UID}.9", OTHER_IMAGE_UID)]
    assert first.ReferencedSOPSequence[0].ReferencedSOPClassUID == DigitalXRayImageStorageForPresentation
    assert report.SeriesInstanceUID == report_series_uid(STUDY_UID)
    assert report.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.4"


def test_without_a_pacs_there_is_no_report_and_nowhere_to_retrieve_from() -> None:
    """Nothing is named that nobody has."""
    (image,) = build_workitem(content(report=None, retrieve_ae_title="")).InputInformationSequence
    assert "DICOMRetrievalSequence" not in image


def test_a_late_image_names_the_workitem_that_it_replaces() -> None:
    """Replaced Procedure Step Sequence (0074,1224), type 1C."""
    assert "ReplacedProcedureStepSequence" not in build_workitem(content())
    (item,) = build_workitem(content(replaces="1.2.9")).ReplacedProcedureStepSequence
    assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == (UPS_PUSH, "1.2.9")


def test_request_attributes_of_the_source_are_quoted_in_its_character_set() -> None:
    """Also from inside a sequence, which the outer character set governs."""
    source = received(SpecificCharacterSet=b"ISO_IR 100", AccessionNumber=b"")
    item = Dataset()
    item.AccessionNumber = "ACC7"
    item.RequestedProcedureID = "RP1"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "XR1", "99LOCAL", "Thorax"
    item.RequestedProcedureCodeSequence = [code]
    source.RequestAttributesSequence = [item]
    facts = study_facts([source], None)
    assert (facts.accession_number, facts.requested_procedure_id) == ("ACC7", "RP1")
    assert facts.requested_procedure_code == CodedConcept("XR1", "99LOCAL", "Thorax")


def test_a_name_that_is_not_ascii_states_its_character_set() -> None:
    """Unicode, whatever the modality used."""
    ds = build_workitem(
        content(received(SpecificCharacterSet=b"ISO_IR 100", PatientName="Müller^Jörg".encode("latin-1")))
    )
    assert (ds.SpecificCharacterSet, str(ds.PatientName)) == ("ISO_IR 192", "Müller^Jörg")
    assert "SpecificCharacterSet" not in build_workitem(content())


def test_its_uid_is_that_of_the_revision_the_version_and_the_destination() -> None:
    """The same again for the same; another for any other."""
    uids = {
        workitem_uid(STUDY_UID, 1, "v1", "a"),
        workitem_uid(STUDY_UID, 1, "v1", "a"),
        workitem_uid(STUDY_UID, 2, "v1", "a"),
        workitem_uid(STUDY_UID, 1, "v2", "a"),
        workitem_uid(STUDY_UID, 1, "v1", "b"),
    }
    assert len(uids) == 4
