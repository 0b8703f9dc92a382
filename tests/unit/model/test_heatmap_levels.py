"""A heat map that was kept is the heat map that was made, as far as a picture can show."""

import zlib

import numpy as np
import pytest

from model.heatmap_levels import HeatMapLevels, from_levels, to_levels

_MAP = np.random.default_rng(1).random((150, 150), dtype=np.float32) * np.float32(0.07)


def test_a_map_comes_back_within_half_a_level() -> None:
    """No place is off by more than a 510th of the greatest heat, and that one is kept exactly."""
    back = from_levels(to_levels(_MAP))
    assert back.dtype == np.float32
    assert np.abs(back - _MAP).max() <= _MAP.max() / 510 * 1.001
    assert back.max() == pytest.approx(_MAP.max(), rel=1e-6)


def test_a_cold_map_stays_cold() -> None:
    """Zeros are zeros, without a division by zero."""
    kept = to_levels(np.zeros((150, 150), np.float32))
    assert kept.hottest == 0
    assert not from_levels(kept).any()


def test_smooth_maps_are_kept_in_a_few_kilobytes() -> None:
    """What a network of ten cells draws fits a database row."""
    y, x = np.mgrid[0:150, 0:150] / 150
    assert len(to_levels(np.exp(-((x - 0.3) ** 2 + (y - 0.6) ** 2) * 20).astype(np.float32)).levels) < 10_000


@pytest.mark.parametrize("levels", [b"no deflated bytes", zlib.compress(b"too short")])
def test_what_is_no_heat_map_is_refused(levels: bytes) -> None:
    """Damage is told, never painted."""
    with pytest.raises(ValueError, match=r"heat map|reshape"):
        from_levels(HeatMapLevels(levels, 1.0))
