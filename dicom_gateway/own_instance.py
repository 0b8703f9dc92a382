"""What every instance made here has in common: whose study it is of, who made it and when, and how it is encoded."""

import io
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from itertools import groupby

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicom_gateway.source_header import UNICODE, is_ascii, mended_header
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, MANUFACTURER_MODEL_NAME

_log = logging.getLogger(__name__)

#: What is repeated of the source: Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).
_REPEATED = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "PatientAge",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
)


def normalised_source(source: Dataset) -> Dataset:
    """Normalise a received header for quoting, and log by keyword what that mended; InstanceInvalid without a UID."""
    normalised = mended_header(source)
    if normalised.mended:
        uid = normalised.header.SOPInstanceUID
        _log.info("mended in the header of %s: %s", uid, ", ".join(normalised.mended))
    return normalised.header


def quote_patient_and_study(ds: Dataset, image: Dataset) -> None:
    """Repeat patient and study of a normalised header."""
    for keyword in _REPEATED:
        if keyword in image:
            ds.add(image[keyword])


def add_equipment(ds: Dataset, manufacturer: str, model_version: str) -> None:
    """Enhanced General Equipment, PS3.3 C.7.5.2: how our own output is known when it comes back."""
    ds.Manufacturer = manufacturer
    ds.ManufacturerModelName = MANUFACTURER_MODEL_NAME
    ds.SoftwareVersions = [IMPLEMENTATION_VERSION_NAME, model_version]
    ds.DeviceSerialNumber = model_version


def stamp(ds: Dataset, created_at: datetime) -> datetime:
    """Write Content and Instance Creation Date and Time; gives them with their zone.

    One Timezone Offset governs all of a data set (PS3.3 C.12.1.1.8). Where the source states one, ours are
    converted to it; where it does not, none is stated, for that would date the source's times too.
    """
    offset = ds.get("TimezoneOffsetFromUTC")
    if offset is not None:
        sign = -1 if offset.startswith("-") else 1
        zone = timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:])))
        created_at = created_at.astimezone(zone)
    ds.ContentDate = ds.InstanceCreationDate = f"{created_at:%Y%m%d}"
    ds.ContentTime = ds.InstanceCreationTime = f"{created_at:%H%M%S.%f}"
    return created_at


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """SOP Instance Reference Macro, PS3.3 Table 10-11."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def references(study_instance_uid: str, instances: Iterable[tuple[str, str, str]]) -> Dataset:
    """Hierarchical SOP Instance Reference Macro (PS3.3 C.17.2.1) of (series, SOP class, SOP instance) UIDs."""
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    study.ReferencedSeriesSequence = []
    for series_uid, members in groupby(sorted(set(instances)), key=lambda instance: instance[0]):
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = [reference(sop_class, instance) for _, sop_class, instance in members]
        study.ReferencedSeriesSequence.append(series)
    return study


def as_file(ds: Dataset, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> bytes:
    """Encode as a Part 10 file; states Specific Character Set unless all text is ASCII."""
    if not is_ascii(ds):
        ds.SpecificCharacterSet = UNICODE
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    ds.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    ds.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
