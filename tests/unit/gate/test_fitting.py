from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from model.gate_canvas import Array
from model.gate_chests import NAMED, WORKING_SIDE, perturb
from model.gate_fit import calibrate, describe, fit_described, fit_gate
from model.gate_negatives import KINDS, draw, resize
from model.gate_report import FAMILIES, Shares, judge_chests, judge_turned, shares
from model.gate_statistics import GREY_LENGTH, LAYOUT_LENGTH, Turn
from model.input_gate import GateParameters, InputGate
from tests.unit.gate.conftest import FEATURES

FeaturesOf = Callable[[Array], Array]


@pytest.mark.parametrize("kind", KINDS)
def test_negatives_are_images_and_repeat_with_their_seed(chests: list[Array], kind: str) -> None:
    """Each kind gives float32 images in [0, 1] with some contrast: the same for a seed, another for the next."""
    first, again, other = (draw(kind, seed, chests=chests, pictures=chests[:2]) for seed in (4, 4, 5))
    assert first.dtype == np.float32
    assert first.ndim == 2
    assert 0 <= first.min() < first.max() <= 1
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_unknown_kind_is_an_error(chests: list[Array]) -> None:
    """Asking for a kind that does not exist raises KeyError rather than drawing another."""
    with pytest.raises(KeyError):
        draw("chest", 1, chests=chests)


def test_every_kind_belongs_to_one_family() -> None:
    """What is held out together covers every kind once, so none escapes the leave-one-out figures."""
    assert sorted(kind for kinds in FAMILIES.values() for kind in kinds) == sorted(KINDS)


def test_perturbed_chests_stay_images_and_repeat_with_their_seed(chests: list[Array]) -> None:
    """Perturbation gives float32 in [0, 1] of one size, the same for the same seed."""
    for seed in range(20):
        image = perturb(np.random.default_rng(seed), chests[0])
        assert image.shape == (WORKING_SIDE, WORKING_SIDE)
        assert image.dtype == np.float32
        assert 0 <= image.min() <= image.max() <= 1
    assert np.array_equal(image, perturb(np.random.default_rng(seed), chests[0]))


@pytest.mark.parametrize("name", NAMED)
def test_named_perturbations_keep_a_chest_recognisable(chests: list[Array], name: str) -> None:
    """Each named perturbation gives a finite image whose middle still correlates with that of the chest."""
    changed = np.asarray(NAMED[name](chests[0]))
    middle = slice(48, 112)
    likeness = np.corrcoef(resize(changed, 160)[middle, middle].ravel(), chests[0][middle, middle].ravel())[0, 1]
    assert np.isfinite(changed).all()
    assert likeness > 0.3


def test_describing_gives_what_fitting_needs(chests: list[Array], features_of: FeaturesOf) -> None:
    """Two draws of three chests and two negatives a kind give six chests, four layouts a kind, three feature rows."""
    described = describe(chests[:3], features_of, negatives_a_kind=2, draws_a_chest=2)
    assert described.chests.shape == described.turned.shape == (6, LAYOUT_LENGTH)
    assert described.greys.shape == (6, GREY_LENGTH)
    assert described.features.shape == (3, FEATURES)
    assert set(described.negatives) == set(KINDS) - {"photograph"}
    assert all(rows.shape == (4, LAYOUT_LENGTH) for rows in described.negatives.values())


def test_the_same_arguments_fit_the_same_gate(gate: InputGate, chests: list[Array], features_of: FeaturesOf) -> None:
    """Fitting twice gives equal parameters, so that a version can be fitted again."""
    again = fit_gate(chests, chests, features_of, negatives_a_kind=12, draws_a_chest=8)
    for field in fields(GateParameters):
        first, second = getattr(gate.parameters, field.name), getattr(again.parameters, field.name)
        assert np.allclose(first, second, rtol=1e-3, atol=1e-4), field.name


def test_an_uncalibrated_gate_admits_nothing(chests: list[Array], features_of: FeaturesOf) -> None:
    """Between fitting and setting the limits even chests are refused, never let through."""
    described = describe(chests, features_of, negatives_a_kind=3, draws_a_chest=8)
    fitted = fit_described(described, without=("hand",))
    assert shares(fitted, chests, features_of) == Shares(12, 0.0, 0.0, 0.0, 1.0)
    assert shares(calibrate(fitted, chests, features_of), chests, features_of).admitted > 0.8


def test_reports_count_every_image_once(gate: InputGate, chests: list[Array], features_of: FeaturesOf) -> None:
    """The shares of each row add up to one, each perturbation and turn has one, and no turned chest scores."""
    upright, turned = judge_chests(gate, chests[:3], features_of), judge_turned(gate, chests[:3], features_of)
    assert set(upright) == set(NAMED)
    assert len(turned) == 7
    for row in (*upright.values(), *turned.values()):
        assert row.admitted + row.put_right + row.put_wrong + row.refused == pytest.approx(1)
    assert all(row.admitted == 0 for row in turned.values())


def test_a_wrong_turn_is_counted_as_wrong(gate: InputGate, chests: list[Array], features_of: FeaturesOf) -> None:
    """Chests upside down that are put right count as wrong when another turn would have been right."""
    upside_down = [Turn(2).apply(chest) for chest in chests[:4]]
    good = shares(gate, upside_down, features_of, right=Turn(2))
    bad = shares(gate, upside_down, features_of, right=Turn(1))
    assert good.put_right == bad.put_wrong > 0
    assert bad.put_right == good.put_wrong == 0
