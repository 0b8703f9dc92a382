"""Several ways to hold images out, because a random split of one collection flatters.

Acquisition changed in blocks of the running numbers in file names, so whole blocks are held out.
"""

import re
from collections.abc import Collection, Sequence
from enum import StrEnum

from domain.errors import ConfigurationInvalid
from model.dataset import LabelledImage, Split, split_by_patient

#: IM-0115 -> ("IM-", 115): the series of running numbers that a patient belongs to, and the place in it.
_NUMBERED = re.compile(r"(.*?)(\d+)")
#: The part of each series that every block scheme holds out, from and to, as shares of its patients.
LOWEST_BLOCK = (0.0, 0.15)
MIDDLE_BLOCK = (0.5, 0.6)


class HoldOut(StrEnum):
    """What is held out of training, to validate on."""

    #: A share of each class, whole patients at random. Flatters, but it is what a version is calibrated on.
    PATIENTS = "patients"
    #: The lowest-numbered 15 % of each series of running numbers: acquired at another time than the rest.
    LOWEST_BLOCK = "lowest-block"
    #: A block from the middle of each series.
    MIDDLE_BLOCK = "middle-block"


def hold_out(
    images: Sequence[LabelledImage], kind: HoldOut, *, seed: int, share: float, excluded: Collection[str]
) -> Split:
    """Split the images of all but the excluded patients.

    `seed` and `share` say which patients are drawn at random: for validation, or beside a block for calibration,
    because what is chosen on a block says nothing about it. Raises ConfigurationInvalid as the splits do.
    """
    if kind is HoldOut.PATIENTS:
        return split_by_patient(images, seed=seed, share=share, excluded=excluded)
    kept = [image for image in images if image.patient not in excluded]
    block = split_by_block(kept, *(LOWEST_BLOCK if kind is HoldOut.LOWEST_BLOCK else MIDDLE_BLOCK))
    return with_calibration(block, seed=seed, share=share)


def with_calibration(split: Split, *, seed: int, share: float) -> Split:
    """Take a share of each class, whole patients at random, out of training and keep it for calibration."""
    inner = split_by_patient(split.training, seed=seed, share=share)
    return Split(training=inner.training, validation=split.validation, calibration=inner.validation)


def split_by_block(images: Sequence[LabelledImage], start: float, stop: float) -> Split:
    """Hold out the patients between two shares of each series of running numbers; never divides a patient.

    The series are IM-, NORMAL2-IM- and person. ConfigurationInvalid when a patient bears no number, or when nothing
    is held out.
    """
    numbers = [_number(image.patient) for image in images]
    held_out: set[tuple[str, int]] = set()
    for series in sorted({name for name, _ in numbers}):
        ordered = sorted({number for number in numbers if number[0] == series})
        held_out.update(ordered[int(start * len(ordered)) : int(stop * len(ordered))])
    if not held_out:
        raise ConfigurationInvalid(f"no patient lies between {start} and {stop} of its series")
    paired = list(zip(images, numbers, strict=True))
    return Split(
        training=tuple(image for image, number in paired if number not in held_out),
        validation=tuple(image for image, number in paired if number in held_out),
    )


def _number(patient: str) -> tuple[str, int]:
    match = _NUMBERED.fullmatch(patient)
    if match is None:
        raise ConfigurationInvalid(f"no running number in the patient {patient!r}")
    return match.group(1), int(match.group(2))
