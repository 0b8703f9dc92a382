"""Judge an input gate: what it refuses of negatives and of chests, and what it does with turned ones. Training only."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.errors import NotAnalysable
from model.gate_canvas import Array
from model.gate_chests import NAMED
from model.gate_data import CHEST_SIDE, photographs
from model.gate_fit import Described, FeaturesOf, calibrate, fit_described
from model.gate_negatives import KINDS, draw, resize
from model.gate_statistics import TURNS, UPRIGHT, Turn
from model.input_gate import InputGate, settle

#: Is told what comes next.
Tell = Callable[[str], None]

#: Kinds that resemble each other: held out together, so that no near relative of what is tested was fitted.
FAMILIES: dict[str, tuple[str, ...]] = {
    "textures": ("noise", "clouds", "gradients", "stripes"),
    "text": ("text",),
    "photographs": ("photograph",),
    "shapes": ("shapes", "symmetric"),
    "limbs": ("hand", "joint"),
    "pelvis and belly": ("pelvis", "abdomen"),
    "heads": ("skull", "ct head", "mr"),
    "spine": ("spine",),
    "breast": ("breast",),
    "trunk slices": ("ct chest", "ct abdomen", "bent"),
    "ultrasound": ("ultrasound",),
    "chests taken apart": ("jigsaw", "detail", "swapped", "montage"),
}
#: Seeds of negatives drawn for judging start here; fitting stays below.
_JUDGED_FROM = 900_000_000


@dataclass(frozen=True, slots=True)
class Shares:
    """What became of some images, as shares in [0, 1] of `count`, adding up to 1."""

    count: int
    #: Scored as they stood.
    admitted: float
    #: Turned as they should be, and then scored.
    put_right: float
    #: Turned otherwise, and then scored.
    put_wrong: float
    refused: float


def shares(gate: InputGate, images: Sequence[Array], features_of: FeaturesOf, *, right: Turn | None = None) -> Shares:
    """Settle each image; `right` is the turn that would put all of them right (None: they are no chests)."""
    counts = dict.fromkeys(("admitted", "put_right", "put_wrong", "refused"), 0)
    for image in images:
        try:
            verdict, turn, _ = settle(gate, image, features_of)
        except NotAnalysable:  # by the preprocessing: flat, or too small
            counts["refused"] += 1
            continue
        if not verdict.admitted:
            counts["refused"] += 1
        elif turn == UPRIGHT:
            counts["admitted"] += 1
        else:
            counts["put_right" if turn == right else "put_wrong"] += 1
    return Shares(len(images), **{name: count / max(len(images), 1) for name, count in counts.items()})


def judge_chests(gate: InputGate, chests: Sequence[Array], features_of: FeaturesOf) -> dict[str, Shares]:
    """Count false refusals of upright chests under each named perturbation."""
    return {
        name: shares(gate, [_as_image(change(chest)) for chest in chests], features_of)
        for name, change in NAMED.items()
    }


def judge_turned(gate: InputGate, chests: Sequence[Array], features_of: FeaturesOf) -> dict[str, Shares]:
    """Count what becomes of chests stored turned, inverted or both; none of them may be admitted."""
    outcomes = {}
    for right in TURNS[1:]:
        stored = Turn(-right.quarter_turns % 4, right.invert)
        outcomes[str(stored)] = shares(gate, [stored.apply(chest) for chest in chests], features_of, right=right)
    return outcomes


def judge_negatives(
    gate: InputGate,
    kinds: Collection[str],
    features_of: FeaturesOf,
    *,
    chests: Sequence[Array],
    pictures: Sequence[Array] = (),
    count: int = 200,
) -> dict[str, Shares]:
    """Draw negatives that were not fitted and count what is refused, by kind. `chests` were not fitted either."""
    outcomes, squashed = {}, [resize(chest, CHEST_SIDE) for chest in chests]
    for kind in kinds:
        images = [draw(kind, _JUDGED_FROM + n, chests=squashed, pictures=pictures) for n in range(count)]
        outcomes[kind] = shares(gate, images, features_of)
    return outcomes


def judge_left_out(
    described: Described,
    calibration: Sequence[Array],
    features_of: FeaturesOf,
    *,
    chests: Sequence[Array],
    pictures: Sequence[Array] = (),
    count: int = 200,
    families: Mapping[str, Sequence[str]] = FAMILIES,
) -> dict[str, Shares]:
    """For each family fit a gate that has never seen it, and judge that gate on it: the figures that decide."""
    outcomes: dict[str, Shares] = {}
    for kinds in families.values():
        known = [kind for kind in kinds if kind in described.negatives]
        gate = calibrate(fit_described(described, without=known), calibration, features_of)
        outcomes |= judge_negatives(gate, known, features_of, chests=chests, pictures=pictures, count=count)
    return outcomes


def judge_all(
    gate: InputGate, features_of: FeaturesOf, chests: Sequence[Array], *, every: int, count: int, tell: Tell
) -> dict[str, dict[str, Shares]]:
    """Judge a gate in every way but by families left out; only every so many-th chest is changed and turned.

    Gives tables by title; `tell` is called with what is judged next.
    """
    some = chests[::every]
    tell("chests as they are")
    tables = {"chests": {"as they are": shares(gate, chests, features_of)}}
    tell("changed chests")
    tables[f"every {every}th chest, changed"] = judge_chests(gate, some, features_of)
    tell("turned chests")
    tables[f"every {every}th chest, stored with"] = judge_turned(gate, some, features_of)
    tell("images that are no chest")
    tables["no chest"] = judge_negatives(gate, KINDS, features_of, chests=some, pictures=photographs(), count=count)
    return tables


def _as_image(values: Array) -> Array:
    return np.ascontiguousarray(np.clip(values, 0, 1), np.float32)
