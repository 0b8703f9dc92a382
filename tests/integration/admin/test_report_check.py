"""`doctor` asks a PACS what it takes before a report is on its way."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydicom.uid import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
)

from admin.report_check import what_it_gets
from config.destinations import DestinationSettings
from dicom_gateway.simulated_pacs import SimulatedPacs
from domain.errors import Rejected


def _found(accepts: Sequence[str], **wishes: Any) -> str:
    with SimulatedPacs("SIMPACS", sop_classes=accepts) as pacs:
        host, port = pacs.address
        settings = DestinationSettings(name="pacs", ae_title="SIMPACS", host=host, port=port, **wishes)
        return what_it_gets(settings, pacs.as_destination())


@pytest.mark.parametrize(
    ("accepts", "wishes", "words"),
    [
        ([EnhancedSRStorage, Comprehensive3DSRStorage], {}, "Comprehensive 3D SR"),
        ([EnhancedSRStorage], {}, "Enhanced SR"),
        ([BasicTextSRStorage], {"report_format": "basic_text"}, "Basic Text SR"),
        ([EnhancedSRStorage, SecondaryCaptureImageStorage], {"heat_map": True}, "Enhanced SR and heat maps"),
    ],
)
def test_it_says_what_will_be_sent(accepts: list[str], wishes: dict[str, Any], words: str) -> None:
    """The form that delivery would choose, in words."""
    assert _found(accepts, **wishes) == words


@pytest.mark.parametrize(
    ("accepts", "wishes", "words"),
    [
        ([BasicTextSRStorage], {}, "none of Comprehensive 3D SR"),
        ([SecondaryCaptureImageStorage], {}, "none of"),
        ([EnhancedSRStorage], {"heat_map": True}, "no Secondary Capture"),
    ],
)
def test_it_says_what_a_pacs_lacks(accepts: list[str], wishes: dict[str, Any], words: str) -> None:
    """A report or picture that cannot be delivered is a fault now, not after the first study."""
    with pytest.raises(Rejected, match=words):
        _found(accepts, **wishes)
