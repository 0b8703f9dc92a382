from dataclasses import replace

import pytest

from domain.finding import RefusalCode
from domain.study import MAXIMUM_SIDE, ImageHeader, choose_frontal, refuse_by_header

_FRONTAL = ImageHeader(
    sop_instance_uid="1.2.3",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    modality="DX",
    body_part="CHEST",
    view_position="PA",
    description="",
    presentation_intent="FOR PRESENTATION",
    image_type=("ORIGINAL", "PRIMARY"),
    photometric_interpretation="MONOCHROME2",
    samples_per_pixel=1,
    number_of_frames=1,
    rows=2000,
    columns=1500,
    series_number=1,
    instance_number=1,
    is_own_output=False,
    has_pixels=True,
)


def header(**changes: object) -> ImageHeader:
    """Give a frontal chest radiograph's header, with changes."""
    return replace(_FRONTAL, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"body_part": ""},
        {"view_position": ""},
        {"body_part": "PORT CHEST"},
        {"body_part": "RIBCAGE"},
        {"modality": "CR", "view_position": "AP"},
    ],
)
def test_a_frontal_chest_or_a_silent_header_is_not_refused(changes: dict[str, object]) -> None:
    """What modalities leave out is no reason to refuse."""
    assert refuse_by_header(header(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"view_position": "LL"}, RefusalCode.NOT_FRONTAL),
        ({"view_position": "LEFT LATERAL"}, RefusalCode.NOT_FRONTAL),
        ({"view_position": "", "description": "CHEST LATERAL"}, RefusalCode.NOT_FRONTAL),
        ({"body_part": "HAND"}, RefusalCode.NOT_CHEST),
        ({"modality": "CT"}, RefusalCode.NOT_CHEST),
        ({"modality": ""}, RefusalCode.NOT_CHEST),
        ({"presentation_intent": "FOR PROCESSING"}, RefusalCode.FOR_PROCESSING),
        ({"number_of_frames": 2}, RefusalCode.MULTI_FRAME),
        ({"photometric_interpretation": "RGB", "samples_per_pixel": 3}, RefusalCode.COLOUR),
        ({"photometric_interpretation": "PALETTE COLOR"}, RefusalCode.COLOUR),
        ({"rows": 16}, RefusalCode.IMAGE_SIZE),
        ({"columns": MAXIMUM_SIDE + 1}, RefusalCode.IMAGE_SIZE),
        ({"has_pixels": False}, RefusalCode.NO_PIXELS),
        ({"is_own_output": True}, RefusalCode.OWN_OUTPUT),
    ],
)
def test_what_the_network_may_not_score_is_refused_with_its_code(changes: dict[str, object], code: RefusalCode) -> None:
    """Each rule refuses with its own code."""
    refusal = refuse_by_header(header(**changes))
    assert refusal is not None
    assert refusal.code is code


def test_a_stated_frontal_goes_before_an_unnamed_view() -> None:
    """Of several candidates, the one that says PA or AP is read."""
    unnamed = header(sop_instance_uid="1.1", view_position="", instance_number=1)
    stated = header(sop_instance_uid="1.2", view_position="AP", instance_number=2)
    lateral = header(sop_instance_uid="1.3", view_position="LL")
    candidates, refusals = choose_frontal([unnamed, lateral, stated])
    assert [h.sop_instance_uid for h in candidates] == ["1.2", "1.1"]
    assert refusals.keys() == {"1.3"}


def test_every_refusal_code_has_words() -> None:
    """A reader never sees a bare code."""
    assert all(code.words for code in RefusalCode)
