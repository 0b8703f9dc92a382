"""A heat map made small, to be kept with every result: 256 levels, which is what a picture can show, deflated."""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.area import SIDE

_LEVELS = 255


@dataclass(frozen=True, slots=True)
class HeatMapLevels:
    """A heat map (150, 150), exact to a 510th of its greatest heat."""

    #: (150, 150) bytes, row by row, in 255ths of `hottest`; deflated.
    levels: bytes
    #: Greatest heat, in the unit of the logit; 0 for a map without any.
    hottest: float


def to_levels(heat_map: npt.NDArray[np.float32]) -> HeatMapLevels:
    """Make a heat map (150, 150), at least 0, small; 3 to 10 kB of a chest radiograph's."""
    hottest = float(heat_map.max())
    share = heat_map / hottest if hottest > 0.0 else np.zeros_like(heat_map)
    return HeatMapLevels(zlib.compress(np.rint(share * _LEVELS).astype(np.uint8).tobytes(), 9), hottest)


def from_levels(kept: HeatMapLevels) -> npt.NDArray[np.float32]:
    """Give the heat map (150, 150) back; ValueError when what is kept is no heat map."""
    try:
        levels = np.frombuffer(zlib.decompress(kept.levels), np.uint8).reshape(SIDE, SIDE)
    except zlib.error as error:
        raise ValueError("the kept heat map cannot be read") from error
    return levels.astype(np.float32) * np.float32(kept.hottest / _LEVELS)
