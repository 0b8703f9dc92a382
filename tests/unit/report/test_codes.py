"""Every code in the report is the standard's: what no validator checks."""

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary

from dicom_gateway.codes import FindingScheme
from tests.unit.report.builders import NOT_DETECTED, UNDETERMINED, built, content
from tests.unit.report.code_meanings import MEANINGS

_KINDS = pytest.mark.parametrize(
    "changes",
    [{}, NOT_DETECTED, UNDETERMINED, {"finding_scheme": FindingScheme.RADLEX}, {"capture_sop_instance_uid": "2.25.7"}],
    ids=["suspected", "not detected", "undetermined", "RadLex", "with heat map"],
)


def _coded(sr: Dataset) -> list[Dataset]:
    return [
        item for item in sr.iterall() if item.keyword.endswith("CodeSequence") and item.value for item in item.value
    ]


@_KINDS
def test_every_code_has_the_meaning_of_the_standard(changes: dict[str, Any]) -> None:
    """No code is outside the pinned table, and none has another meaning."""
    for code in _coded(built(content(**changes))):
        assert MEANINGS[(code.CodeValue, code.CodingSchemeDesignator)] == code.CodeMeaning


@_KINDS
def test_every_dcm_code_is_in_the_dictionary(changes: dict[str, Any]) -> None:
    """Every DCM code is one that PS3.16 defines, with its meaning."""
    known = {(code.value, code.meaning) for name in dictionary.DCM.dir() for code in [getattr(dictionary.DCM, name)]}
    used = {
        (c.CodeValue, c.CodeMeaning) for c in _coded(built(content(**changes))) if c.CodingSchemeDesignator == "DCM"
    }
    assert used
    assert used <= known
