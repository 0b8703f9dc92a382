"""From received headers to what is quoted of their study: see `domain.study_facts`."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from dicom_gateway.own_instance import normalised_source
from dicom_gateway.source_items import read_items
from dicom_gateway.source_text import SourceText, printable
from domain.errors import Rejected
from domain.study_facts import CodedConcept, InstanceReference, StudyFacts

_CHARACTER_SET = "SpecificCharacterSet"
#: Where a modality repeats the request that an image answers (PS3.3 C.7.3.1 and 10.6).
_REQUESTS = ("RequestAttributesSequence", "ReferencedRequestSequence")


def study_facts(source_headers: Sequence[Dataset], analysed_sop_instance_uid: str | None) -> StudyFacts:
    """Give what these headers, as received, say of their study: of the analysed image, else the first by UID.

    Raises Rejected without a header, InstanceInvalid when one lacks a UID.
    """
    if not source_headers:
        raise Rejected("a study without an image cannot be announced")
    pairs = sorted(
        ((normalised_source(source), source) for source in source_headers),
        key=lambda pair: (pair[0].SOPInstanceUID != analysed_sop_instance_uid, str(pair[0].SOPInstanceUID)),
    )
    header, source = pairs[0]
    request = _Request(source)
    return StudyFacts(
        study_instance_uid=str(header.StudyInstanceUID),
        patient_name=str(header.PatientName),
        patient_id=str(header.PatientID),
        issuer_of_patient_id=str(header.get("IssuerOfPatientID", "")),
        patient_birth_date=str(header.PatientBirthDate),
        patient_sex=str(header.PatientSex),
        study_id=str(header.StudyID),
        study_date=str(header.StudyDate),
        study_time=str(header.StudyTime),
        timezone_offset=str(header.get("TimezoneOffsetFromUTC", "")),
        study_description=str(header.get("StudyDescription", "")),
        accession_number=str(header.AccessionNumber) or request.text("AccessionNumber"),
        referring_physician=str(header.ReferringPhysicianName),
        admission_id=request.text("AdmissionID"),
        requested_procedure_id=request.text("RequestedProcedureID"),
        requested_procedure_description=request.text("RequestedProcedureDescription"),
        requested_procedure_code=request.procedure_code(),
        placer_order_number=request.text("PlacerOrderNumberImagingServiceRequest"),
        filler_order_number=request.text("FillerOrderNumberImagingServiceRequest"),
        images=tuple(_reference(image) for image, _ in pairs),
    )


def _reference(image: Dataset) -> InstanceReference:
    return InstanceReference(str(image.SeriesInstanceUID), str(image.SOPClassUID), str(image.SOPInstanceUID))


class _Request:
    """The first request that a header names, then the header itself."""

    def __init__(self, source: Dataset) -> None:
        self._source = source
        self._holders = [*(self._readable(item) for item in read_items(source, *_REQUESTS)[:1]), source]

    def text(self, keyword: str) -> str:
        """Give the first value that is there, in one line."""
        texts = (printable(SourceText(holder).read(keyword)[0]) for holder in self._holders)
        return next((text.replace("\\", " ") for text in texts if text), "")

    def procedure_code(self) -> CodedConcept | None:
        """Give Requested Procedure Code, or what the modality says was done; None unless it is complete."""
        sequences = ("RequestedProcedureCodeSequence", "ProcedureCodeSequence")
        for holder in self._holders:
            for item in read_items(holder, *sequences):
                code = SourceText(self._readable(item))
                parts = [printable(code.read(k)[0]) for k in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")]
                if all(parts):
                    return CodedConcept(*parts)
        return None

    def _readable(self, item: Dataset) -> Dataset:
        """Give an item with the character set of its data set, which governs it (PS3.5 7.5.3)."""
        copy = Dataset(item)
        outer = self._source.get_item(_CHARACTER_SET)
        if _CHARACTER_SET not in copy and outer is not None:
            copy[_CHARACTER_SET] = outer
        return copy
