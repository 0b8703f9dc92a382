"""What people know a study by. It is read from the stored instances when it is asked for, and kept nowhere else."""

from dataclasses import dataclass
from pathlib import Path

from dicom_gateway.header import read_header
from dicom_gateway.source_text import SourceText
from domain.errors import InstanceInvalid, NotAnalysable


@dataclass(frozen=True, slots=True)
class PatientKeys:
    """Patient data: for the answer to who asked for it, never for logs or error texts. Missing values are empty."""

    patient_id: str
    patient_name: str
    accession_number: str
    study_date: str


def patient_keys(path: Path) -> PatientKeys | None:
    """Read the keys of a stored instance; None when it is gone or cannot be read. Raises StoreUnavailable."""
    try:
        text = SourceText(read_header(path))
    except (InstanceInvalid, NotAnalysable):
        return None
    values = (text.read(keyword)[0].strip() for keyword in ("PatientID", "PatientName", "AccessionNumber", "StudyDate"))
    return PatientKeys(*values)
