"""The gate that ships, with its network."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from domain.errors import ConfigurationInvalid, NotAnalysable
from domain.finding import RefusalCode
from model.card import GATE_FILE, read_card, write_card
from model.classifier import packaged_weights
from model.gate_canvas import Array
from model.gate_negatives import KINDS, draw
from model.gate_report import shares
from model.gate_statistics import TURNS, Turn
from model.gate_version import features_of_network
from model.gated_classifier import GatedClassifier
from model.versions import DEFAULT_VERSION

FeaturesOf = Callable[[Array], Array]
#: Real slices and scans that come with pydicom: none of them was used in fitting.
_FOREIGN = ("CT_small.dcm", "MR_small.dcm", "examples_overlay.dcm", "examples_palette.dcm", "examples_rgb_color.dcm")


@pytest.fixture(scope="module")
def shipped() -> GatedClassifier:
    """Load the shipped version."""
    return GatedClassifier.load(packaged_weights(), DEFAULT_VERSION)


@pytest.fixture(scope="module")
def features_of(shipped: GatedClassifier) -> Callable[[Array], Array]:
    """Give the shipped network's features."""
    return features_of_network(shipped.classifier.network, shipped.card.preprocess_version)


def test_every_sample_is_admitted(shipped: GatedClassifier, chests: list[Array], features_of: FeaturesOf) -> None:
    """None of the twelve sample X-rays, whose patients were not used in fitting, is refused."""
    assert shares(shipped.gate, chests, features_of).admitted == 1


def test_turned_samples_are_put_right_or_refused(
    shipped: GatedClassifier, chests: list[Array], features_of: FeaturesOf
) -> None:
    """Of 84 turned or inverted samples none is scored as it stands or turned wrongly, and 70 are put right."""
    righted = 0.0
    for right in TURNS[1:]:
        stored = Turn(-right.quarter_turns % 4, right.invert)
        images = [stored.apply(chest) for chest in chests]
        outcome = shares(shipped.gate, images, features_of, right=right)
        assert (outcome.admitted, outcome.put_wrong) == (0, 0)
        righted += outcome.put_right * len(chests)
    assert round(righted) >= 70


def test_drawn_negatives_are_refused(shipped: GatedClassifier, chests: list[Array], features_of: FeaturesOf) -> None:
    """Of two new negatives of every kind but photographs 95 % at least are refused."""
    kinds = [kind for kind in KINDS if kind != "photograph"]
    images = [draw(kind, 990_000_000 + number, chests=chests) for kind in kinds for number in range(2)]
    assert shares(shipped.gate, images, features_of).refused >= 0.95


@pytest.mark.parametrize("name", _FOREIGN)
def test_real_slices_are_refused(shipped: GatedClassifier, name: str) -> None:
    """A real CT, MR or ultrasound image that pydicom ships is no chest radiograph."""
    pixels = np.asarray(dcmread(str(get_testdata_file(name))).pixel_array, np.float32)
    grey = pixels.mean(axis=2) if pixels.ndim == 3 else pixels
    low, high = np.percentile(grey, (0.5, 99.5))
    image = np.clip((grey - low) / (high - low), 0, 1).astype(np.float32)
    with pytest.raises(NotAnalysable):
        shipped.read(image)


def test_a_turned_chest_is_read_as_if_it_stood_right(shipped: GatedClassifier, chests: list[Array]) -> None:
    """Upside down or inverted: the same probability, and image and heat map as they belong to the upright one."""
    upright = shipped.read(chests[0])
    for right in (Turn(2), Turn(0, invert=True)):
        stored = Turn(-right.quarter_turns % 4, right.invert).apply(chests[0])
        reading = shipped.read(stored)
        assert reading.turn == right
        assert reading.probability == pytest.approx(upright.probability, abs=1e-4)
        np.testing.assert_allclose(reading.image, upright.image, atol=1e-6)
        np.testing.assert_allclose(reading.heat_map, upright.heat_map, atol=1e-4)


def test_what_is_no_chest_gets_no_probability(shipped: GatedClassifier, chests: list[Array]) -> None:
    """It is refused with a code and the value that was measured."""
    with pytest.raises(NotAnalysable, match=r"likeness|distance of") as refused:
        shipped.read(draw("hand", 990_000_001, chests=chests))
    assert refused.value.code is RefusalCode.NOT_CHEST


def test_a_version_without_a_gate_does_not_serve(tmp_path: Path) -> None:
    """It could answer about anything: it is refused with the remedy."""
    shutil.copytree(packaged_weights() / DEFAULT_VERSION, tmp_path / DEFAULT_VERSION)
    card = read_card(tmp_path / DEFAULT_VERSION)
    files = {name: digest for name, digest in card.files.items() if name != GATE_FILE}
    write_card(tmp_path / DEFAULT_VERSION, card.model_copy(update={"files": files}))
    with pytest.raises(ConfigurationInvalid, match="export it again"):
        GatedClassifier.load(tmp_path, DEFAULT_VERSION)
