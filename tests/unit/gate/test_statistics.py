import numpy as np
import pytest

from model.gate_canvas import Array
from model.gate_negatives import resize
from model.gate_statistics import (
    GREY_LENGTH,
    LAYOUT_LENGTH,
    TURNS,
    UPRIGHT,
    Turn,
    contrast,
    describe_grey,
    describe_layout,
    equalise,
    reduce_image,
    turn_equalised,
)


def test_reducing_keeps_the_mean_at_any_size() -> None:
    """A reduced image has the mean of the image, whether its sides divide by 64 or not."""
    rng = np.random.default_rng(1)
    for rows, columns in ((128, 128), (224, 131), (301, 997)):
        image = rng.random((rows, columns)).astype(np.float32)
        assert reduce_image(image).mean() == pytest.approx(image.mean(), abs=1e-5)


def test_reducing_puts_each_area_where_it_was() -> None:
    """A bright quarter of the image is the bright quarter of the reduced image."""
    image = np.zeros((200, 300), np.float32)
    image[:100, 150:] = 1
    reduced = reduce_image(image)
    assert reduced[:32, 32:].min() == pytest.approx(1, abs=1e-5)
    assert reduced[32:].max() == pytest.approx(0, abs=1e-5)
    assert reduced[:, :32].max() == pytest.approx(0, abs=1e-5)


def test_layout_does_not_depend_on_resolution(chests: list[Array]) -> None:
    """The layout of a chest enlarged six times stays the layout of the chest."""
    enlarged = resize(chests[0], 960)
    first, second = (describe_layout(equalise(reduce_image(image))) for image in (chests[0], enlarged))
    assert np.corrcoef(first, second)[0, 1] > 0.99


def test_ranks_do_not_depend_on_the_grey_curve(chests: list[Array]) -> None:
    """A monotonic curve over a reduced image changes its ranks by rounding only."""
    reduced = reduce_image(chests[0])
    assert np.abs(equalise(reduced) - equalise(np.sqrt(reduced))).mean() < 0.005


def test_equal_greys_share_one_rank() -> None:
    """A border of one level gets one rank, and ranks lie within a half of zero with mean zero."""
    image = np.random.default_rng(2).random((150, 150)).astype(np.float32) / 2
    image[:, :40] = 1
    ranks = equalise(reduce_image(image))
    assert len(np.unique(ranks[:, :16])) == 1
    assert ranks.mean() == pytest.approx(0, abs=1e-6)
    assert np.abs(ranks).max() < 0.5


def test_turning_ranks_equals_turning_the_image(chests: list[Array]) -> None:
    """Each of the eight turns may be made before or after reduction and ranking."""
    ranks = equalise(reduce_image(chests[1]))
    for turn in TURNS:
        after = turn_equalised(ranks, turn)
        before = equalise(reduce_image(turn.apply(chests[1])))
        assert np.abs(before - after).mean() < 0.003


def test_a_turn_and_its_reverse_give_the_image_back(chests: list[Array]) -> None:
    """Quarter turns and an inversion undo each other, on images that are not square too."""
    image = chests[0][:, :100]
    turned = Turn(1, invert=True).apply(image)
    assert turned.shape == (100, 160)
    assert np.abs(Turn(3, invert=True).apply(turned) - image).max() < 1e-6


def test_turns_are_all_different_and_start_upright() -> None:
    """Eight turns are tried, each once, the image as it stands first."""
    assert TURNS[0] == UPRIGHT
    assert len(set(TURNS)) == 8


def test_descriptions_have_their_stated_lengths_and_are_finite() -> None:
    """Chests, flat images and noise all give finite descriptions of the stated lengths."""
    rng = np.random.default_rng(3)
    for image in (np.zeros((130, 140), np.float32), rng.random((256, 128)).astype(np.float32)):
        reduced = reduce_image(image)
        layout, grey = describe_layout(equalise(reduced)), describe_grey(reduced)
        assert layout.shape == (LAYOUT_LENGTH,)
        assert grey.shape == (GREY_LENGTH,)
        assert np.isfinite(layout).all()
        assert np.isfinite(grey).all()


def test_contrast_of_a_flat_image_is_nothing() -> None:
    """Contrast is measured between the 1st and 99th percentile: 0 for one level, 0.5 for two."""
    image = np.full((128, 128), 0.25, np.float32)
    assert contrast(reduce_image(image)) == pytest.approx(0, abs=1e-6)
    image[:64] = 0.75
    assert contrast(reduce_image(image)) == pytest.approx(0.5, abs=1e-6)
