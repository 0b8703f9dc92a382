"""Every code in the report is the standard's: what no validator checks."""

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary

from dicom_gateway.codes import FindingScheme
from tests.unit.report.builders import NOT_DETECTED, UNDETERMINED, built, content

_KINDS = pytest.mark.parametrize(
    "changes",
    [{}, NOT_DETECTED, UNDETERMINED, {"finding_scheme": FindingScheme.RADLEX}],
    ids=["suspected", "not detected", "undetermined", "RadLex"],
)

#: Every code that a report may hold, as the standard spells it.
_MEANINGS = {
    ("126000", "DCM"): "Imaging Measurement Report",
    ("121049", "DCM"): "Language of Content Item and Descendants",
    ("en-US", "RFC5646"): "English (United States)",
    ("121005", "DCM"): "Observer Type",
    ("121007", "DCM"): "Device",
    ("121012", "DCM"): "Device Observer UID",
    ("121013", "DCM"): "Device Observer Name",
    ("121014", "DCM"): "Device Observer Manufacturer",
    ("121015", "DCM"): "Device Observer Model Name",
    ("121016", "DCM"): "Device Observer Serial Number",
    ("121058", "DCM"): "Procedure reported",
    ("363679005", "SCT"): "Imaging procedure",
    ("111028", "DCM"): "Image Library",
    ("126200", "DCM"): "Image Library Group",
    ("260753009", "SCT"): "Source",
    ("121139", "DCM"): "Modality",
    ("DX", "DCM"): "Digital Radiography",
    ("111044", "DCM"): "Patient Orientation Row",
    ("111043", "DCM"): "Patient Orientation Column",
    ("110910", "DCM"): "Pixel Data Rows",
    ("110911", "DCM"): "Pixel Data Columns",
    ("{pixels}", "UCUM"): "Pixels",
    ("111026", "DCM"): "Horizontal Pixel Spacing",
    ("111066", "DCM"): "Vertical Pixel Spacing",
    ("mm", "UCUM"): "mm",
    ("126010", "DCM"): "Imaging Measurements",
    ("125007", "DCM"): "Measurement Group",
    ("112039", "DCM"): "Tracking Identifier",
    ("112040", "DCM"): "Tracking Unique Identifier",
    ("121071", "DCM"): "Finding",
    ("233604007", "SCT"): "Pneumonia",
    ("RID5350", "RADLEX"): "pneumonia",
    ("363698007", "SCT"): "Finding Site",
    ("39607008", "SCT"): "Lung structure",
    ("111001", "DCM"): "Algorithm Name",
    ("111003", "DCM"): "Algorithm Version",
    ("122405", "DCM"): "Algorithm Manufacturer",
    ("111002", "DCM"): "Algorithm Parameters",
    ("111000", "DCM"): "Algorithm Family",
    ("123110", "DCM"): "Artificial Intelligence",
    ("111012", "DCM"): "Certainty of Finding",
    ("122411", "DCM"): "Threshold Value",
    ("%", "UCUM"): "Percent",
    ("121052", "DCM"): "Presence of property",
    ("415684004", "SCT"): "Suspected",
    ("260415000", "SCT"): "Not detected",
    ("373068000", "SCT"): "Undetermined",
    ("260870009", "SCT"): "Priority",
    ("394849002", "SCT"): "High priority",
    ("394848005", "SCT"): "Normal priority",
    ("121112", "DCM"): "Source of Measurement",
    ("121106", "DCM"): "Comment",
}


def _coded(sr: Dataset) -> list[Dataset]:
    return [
        item for item in sr.iterall() if item.keyword.endswith("CodeSequence") and item.value for item in item.value
    ]


@_KINDS
def test_every_code_has_the_meaning_of_the_standard(changes: dict[str, Any]) -> None:
    """No code is outside the pinned table, and none has another meaning."""
    for code in _coded(built(content(**changes))):
        assert _MEANINGS[(code.CodeValue, code.CodingSchemeDesignator)] == code.CodeMeaning


@_KINDS
def test_every_dcm_code_is_in_the_dictionary(changes: dict[str, Any]) -> None:
    """Every DCM code is one that PS3.16 defines, with its meaning."""
    known = {(code.value, code.meaning) for name in dictionary.DCM.dir() for code in [getattr(dictionary.DCM, name)]}
    used = {
        (c.CodeValue, c.CodeMeaning) for c in _coded(built(content(**changes))) if c.CodingSchemeDesignator == "DCM"
    }
    assert used
    assert used <= known
