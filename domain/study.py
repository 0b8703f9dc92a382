"""The life of a study, and the choice of the image that the network reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.finding import Refusal, RefusalCode


class StudyStatus(StrEnum):
    """Where a study stands. Moves are compare-and-set in the database, never elsewhere.

    RECEIVING -> READY -> ANALYSING -> ANALYSED -> REPORTED, or FAILED after the last attempt.
    A late image sends any of them back to RECEIVING; a revision that has a result is closed,
    so the late image then opens revision n+1.
    """

    RECEIVING = "RECEIVING"
    READY = "READY"
    ANALYSING = "ANALYSING"
    ANALYSED = "ANALYSED"
    REPORTED = "REPORTED"
    FAILED = "FAILED"


class DeliveryState(StrEnum):
    """Where one report for one destination stands."""

    #: Waiting for its next attempt.
    PENDING = "PENDING"
    #: Claimed by a worker, with a lease.
    SENDING = "SENDING"
    #: The destination answered with success; that it keeps the report is not, or not yet, confirmed.
    SENT = "SENT"
    #: The destination found it when asked for it (C-FIND).
    VERIFIED = "VERIFIED"
    #: The destination has taken responsibility for it (storage commitment).
    COMMITTED = "COMMITTED"
    #: Refused for good, or out of attempts: listed, counted, re-sendable by command.
    FAILED = "FAILED"


#: The destination has the report, as far as it said.
ARRIVED = frozenset({DeliveryState.SENT, DeliveryState.VERIFIED, DeliveryState.COMMITTED})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header of one instance says that the choice of image needs.

    Text is stripped and upper-cased; what the header lacks is an empty string.
    """

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    #: Body Part Examined (0018,0015) and anatomic region meanings, joined.
    body_part: str
    #: View Position (0018,5101), or the view code's meaning.
    view_position: str
    #: Study, series and protocol descriptions, joined.
    description: str
    #: Presentation Intent Type (0008,0068).
    presentation_intent: str
    #: Image Type (0008,0008) values.
    image_type: tuple[str, ...]
    #: Photometric Interpretation (0028,0004).
    photometric_interpretation: str
    samples_per_pixel: int
    number_of_frames: int
    rows: int
    columns: int
    #: Series Number, Instance Number: the order in which the modality made the images.
    series_number: int
    instance_number: int
    #: Manufacturer's Model Name is ours: this service made the instance.
    is_own_output: bool
    has_pixels: bool
    #: Years, from Patient's Age (0010,1010), else from birth and study date; None when neither says.
    patient_age_years: float | None = None


_CHEST_WORDS = ("CHEST", "THORAX", "RIB", "LUNG", "CHST", "THORAC")
_LATERAL_VIEWS = frozenset({"LL", "RL", "LAT", "LATERAL", "LLD", "RLD", "RLO", "LLO", "LPO", "RPO", "LAO", "RAO"})
_FRONTAL_VIEWS = frozenset({"PA", "AP"})
_PLAIN_RADIOGRAPHS = frozenset({"CR", "DX"})
#: Rows or columns below this are a thumbnail, not a radiograph.
MINIMUM_SIDE = 128
#: Rows or columns above this are refused before anything is allocated.
MAXIMUM_SIDE = 16384
#: Pixels above this are refused too: three times the largest detector, and what one process can hold.
MAXIMUM_PIXELS = 1 << 26


def has_sane_size(rows: int, columns: int) -> bool:
    """Say whether an image of this size may be allocated and can be a radiograph."""
    return MINIMUM_SIDE <= min(rows, columns) <= max(rows, columns) <= MAXIMUM_SIDE and rows * columns <= MAXIMUM_PIXELS


def refuse_by_header(header: ImageHeader) -> Refusal | None:
    """Say why the header alone forbids scoring this image, or None.

    Missing body part and view position are no reason: modalities often leave them out.
    """
    checks = (
        _refuse_origin,
        _refuse_anatomy,
        _refuse_pixel_module,
    )
    for check in checks:
        refusal = check(header)
        if refusal:
            return refusal
    return None


def _refuse_origin(header: ImageHeader) -> Refusal | None:
    if header.is_own_output:
        return Refusal(RefusalCode.OWN_OUTPUT, "")
    if header.presentation_intent == "FOR PROCESSING":
        return Refusal(RefusalCode.FOR_PROCESSING, "Presentation Intent Type FOR PROCESSING")
    if header.modality not in _PLAIN_RADIOGRAPHS:
        return Refusal(RefusalCode.NOT_CHEST, f"modality {header.modality or 'missing'}")
    return None


def _refuse_anatomy(header: ImageHeader) -> Refusal | None:
    if header.body_part and not any(word in header.body_part for word in _CHEST_WORDS):
        return Refusal(RefusalCode.NOT_CHEST, f"body part {header.body_part[:40]}")
    view = header.view_position
    if view in _LATERAL_VIEWS or "LATERAL" in view or "OBLIQUE" in view:
        return Refusal(RefusalCode.NOT_FRONTAL, f"view position {view[:40]}")
    if not view and "LATERAL" in header.description:
        return Refusal(RefusalCode.NOT_FRONTAL, "description names a lateral view")
    return None


def _refuse_pixel_module(header: ImageHeader) -> Refusal | None:
    if not header.has_pixels:
        return Refusal(RefusalCode.NO_PIXELS, "")
    if header.number_of_frames > 1:
        return Refusal(RefusalCode.MULTI_FRAME, f"{header.number_of_frames} frames")
    if header.samples_per_pixel != 1 or not header.photometric_interpretation.startswith("MONOCHROME"):
        return Refusal(RefusalCode.COLOUR, header.photometric_interpretation[:40] or "photometric missing")
    sides = (header.rows, header.columns)
    if not has_sane_size(*sides):
        return Refusal(RefusalCode.IMAGE_SIZE, f"{header.rows} rows, {header.columns} columns")
    return None


def choose_frontal(headers: Sequence[ImageHeader]) -> tuple[list[ImageHeader], dict[str, Refusal]]:
    """Order the images that may be scored, best first, and say why the others may not.

    Returns the candidates and a refusal by SOP Instance UID. A stated frontal view goes before a
    missing one, then the order in which the modality made them.
    """
    refusals = {h.sop_instance_uid: r for h in headers if (r := refuse_by_header(h))}
    candidates = [h for h in headers if h.sop_instance_uid not in refusals]
    return sorted(candidates, key=_frontal_rank), refusals


def _frontal_rank(header: ImageHeader) -> tuple[int, int, int, str]:
    stated = 0 if header.view_position in _FRONTAL_VIEWS else 1
    return (stated, header.series_number, header.instance_number, header.sop_instance_uid)
