from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from domain.errors import ConfigurationInvalid
from domain.finding import RefusalCode
from model.gate_canvas import Array
from model.gate_negatives import draw
from model.gate_statistics import TURNS, UPRIGHT, Turn
from model.input_gate import InputGate, settle
from tests.unit.gate.conftest import FEATURES

FeaturesOf = Callable[[Array], Array]


def test_the_chests_that_it_was_fitted_on_are_admitted(
    gate: InputGate, chests: list[Array], features_of: FeaturesOf
) -> None:
    """At most one of twelve fitted chests is refused, and an admitted one has neither code nor detail."""
    verdicts = [gate.judge(chest, features_of(chest)) for chest in chests]
    assert sum(verdict.admitted for verdict in verdicts) >= 11
    assert all((v.code, v.detail, v.turn) == (None, "", None) for v in verdicts if v.admitted)


@pytest.mark.parametrize("kind", ["noise", "text", "hand", "ct head", "stripes", "jigsaw"])
def test_what_is_no_chest_is_refused(gate: InputGate, chests: list[Array], features_of: FeaturesOf, kind: str) -> None:
    """Of ten negatives with other seeds than the fitted ones, nine at least are refused."""
    images = [draw(kind, 7_000_000 + seed, chests=chests) for seed in range(10)]
    refused = [not settle(gate, image, features_of)[0].admitted for image in images]
    assert sum(refused) >= 9


def test_a_flat_image_is_refused_with_the_measured_contrast(gate: InputGate, features_of: FeaturesOf) -> None:
    """A blank frame is FLAT_IMAGE, and the detail holds its contrast and the limit."""
    image = np.full((300, 200), 0.4, np.float32)
    verdict = gate.judge(image, features_of(image))
    assert (verdict.admitted, verdict.code) == (False, RefusalCode.FLAT_IMAGE)
    assert verdict.detail == "contrast 0.000, at least 0.05"


@pytest.mark.parametrize("right", TURNS[1:], ids=str)
def test_a_turned_chest_is_never_admitted_as_it_stands(
    gate: InputGate, chests: list[Array], features_of: FeaturesOf, right: Turn
) -> None:
    """However a chest is turned or inverted, it is put right as it should be, or refused."""
    stored = Turn(-right.quarter_turns % 4, right.invert)
    for chest in chests:
        image = stored.apply(chest)
        verdict = gate.judge(image, features_of(image))
        assert not verdict.admitted
        assert verdict.turn in {None, right}


def test_settling_puts_a_turned_chest_right(gate: InputGate, chests: list[Array], features_of: FeaturesOf) -> None:
    """A chest upside down comes back upright, admitted, with the turn that was made."""
    settled = [settle(gate, Turn(2).apply(chest), features_of) for chest in chests]
    righted = [(chest, turn, image) for chest, (v, turn, image) in zip(chests, settled, strict=True) if v.admitted]
    assert len(righted) >= 8
    assert all(turn == Turn(2) and np.array_equal(image, chest) for chest, turn, image in righted)


def test_settling_turns_once_at_most(gate: InputGate, chests: list[Array], features_of: FeaturesOf) -> None:
    """An image that is refused after its turn is given back as it was, with both details."""
    closed = InputGate(replace(gate.parameters, limits=gate.parameters.limits * np.float32([1, 1, 1, 0, 1])))
    image = Turn(2).apply(chests[0])
    verdict, turn, given = settle(closed, image, features_of)
    assert (verdict.admitted, turn) == (False, UPRIGHT)
    assert "put right: distance of grey levels" in verdict.detail
    assert given is image


def test_features_far_from_every_chest_are_refused(gate: InputGate, chests: list[Array]) -> None:
    """A chest whose features are unlike those of chests is refused, with distance and limit."""
    verdict = gate.judge(chests[0], np.full(FEATURES, 1e4, np.float32))
    assert verdict.code == RefusalCode.NOT_CHEST
    assert "distance of network features" in verdict.detail
    assert f"at most {gate.parameters.limits[4]:.2f}" in verdict.detail


def test_features_that_are_no_numbers_are_refused(gate: InputGate, chests: list[Array]) -> None:
    """NaN compares with nothing, and is refused all the same."""
    assert not gate.judge(chests[0], np.full(FEATURES, np.nan, np.float32)).admitted


def test_wrong_shapes_are_a_programming_error(gate: InputGate, chests: list[Array]) -> None:
    """Tensors, empty images and batches of features raise ValueError."""
    features = np.zeros(FEATURES, np.float32)
    for image, given in (
        (chests[0][..., np.newaxis], features),
        (np.zeros((0, 5), np.float32), features),
        (chests[0], features[np.newaxis]),
    ):
        with pytest.raises(ValueError, match="the gate takes"):
            gate.judge(image, given)


def test_a_saved_gate_judges_alike(gate: InputGate, chests: list[Array], features_of: FeaturesOf) -> None:
    """What is loaded gives the very verdicts of what was saved, from less than 1 MB; saved again, the same bytes."""
    content = gate.to_bytes()
    loaded = InputGate.from_bytes(content)
    images = [*chests, Turn(1).apply(chests[0]), draw("pelvis", 3, chests=chests)]
    assert len(content) < 1_000_000
    assert [loaded.judge(x, features_of(x)) for x in images] == [gate.judge(x, features_of(x)) for x in images]
    assert loaded.to_bytes() == content


def test_a_file_that_holds_no_gate_is_a_configuration_error(gate: InputGate) -> None:
    """Empty, cut-off and foreign files raise ConfigurationInvalid."""
    foreign = BytesIO()
    np.savez(foreign, something=np.zeros(3))
    for content in (b"", gate.to_bytes()[:5000], foreign.getvalue()):
        with pytest.raises(ConfigurationInvalid, match="no input gate can be read"):
            InputGate.from_bytes(content)


@pytest.mark.parametrize("field", ["limits", "mixed_basis", "feature_whitening", "hidden_biases", "chest_scale"])
def test_arrays_that_do_not_fit_are_a_configuration_error(gate: InputGate, field: str) -> None:
    """A parameters file with one array of the wrong length is not loaded."""
    shortened = getattr(gate.parameters, field)[..., :-1]
    content = InputGate(replace(gate.parameters, **{field: shortened})).to_bytes()
    with pytest.raises(ConfigurationInvalid, match="input gate: "):
        InputGate.from_bytes(content)
