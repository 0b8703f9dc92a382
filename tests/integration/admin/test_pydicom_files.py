"""The files of pydicom and pydicom-data: many makers, many faults, and several with their uncompressed twin."""

from pathlib import Path

import numpy as np
import pytest

from dicom_gateway.decode import decode_pixels
from dicom_gateway.header import read_instance
from tests import pydicom_files

DOCUMENT = Path(__file__).parents[3] / "docs" / "pydicom-files.md"
FILES = dict(pydicom_files.files())


def test_every_file_is_read_or_refused_as_documented() -> None:
    """`predict` and the decoders answer for each file, none raises, and docs/pydicom-files.md says what they answer."""
    assert pydicom_files.table() == DOCUMENT.read_text(), "run: python -m tests.pydicom_files > docs/pydicom-files.md"


@pytest.mark.parametrize(
    ("compressed", "native"),
    [
        ("pydicom-data/693_J2KR.dcm", "pydicom-data/693_UNCR.dcm"),
        ("pydicom/test_files/693_J2KI.dcm", "pydicom-data/693_UNCI.dcm"),
        ("pydicom-data/MR2_J2KR.dcm", "pydicom-data/MR2_UNCR.dcm"),
        ("pydicom-data/MR2_J2KI.dcm", "pydicom-data/MR2_UNCI.dcm"),
        ("pydicom-data/RG1_J2KR.dcm", "pydicom-data/RG1_UNCR.dcm"),
        ("pydicom-data/RG1_J2KI.dcm", "pydicom-data/RG1_UNCI.dcm"),
        ("pydicom-data/RG3_J2KR.dcm", "pydicom-data/RG3_UNCR.dcm"),
        ("pydicom-data/RG3_J2KI.dcm", "pydicom-data/RG3_UNCI.dcm"),
        ("pydicom/test_files/JPEG2000.dcm", "pydicom-data/JPEG2000_UNC.dcm"),
    ],
)
def test_compressed_files_equal_their_uncompressed_twins(compressed: str, native: str) -> None:
    """JPEG 2000 of the NEMA test set, reversible and irreversible, decodes to what its makers decoded it to."""
    values = [decode_pixels(read_instance(FILES[name])) for name in (compressed, native)]
    np.testing.assert_array_equal(*values)
