"""The header of an instance whose file is gone or unreadable: what is known of it elsewhere."""

from pathlib import Path

from pydicom.dataset import Dataset

from dicom_gateway.header import read_header
from domain.errors import InstanceInvalid, NotAnalysable

#: For who passes headers on without looking into them.
SourceHeader = Dataset


def header_or_identity(
    path: Path, *, study_instance_uid: str, series_instance_uid: str, sop_class_uid: str, sop_instance_uid: str
) -> SourceHeader:
    """Read a stored header; of a lost one give the given UIDs only, so that a report can still name it.

    Raises StoreUnavailable when the disk fails.
    """
    try:
        return read_header(path)
    except (InstanceInvalid, NotAnalysable):
        identity = Dataset()
        identity.StudyInstanceUID = study_instance_uid
        identity.SeriesInstanceUID = series_instance_uid
        identity.SOPClassUID = sop_class_uid
        identity.SOPInstanceUID = sop_instance_uid
        return identity
