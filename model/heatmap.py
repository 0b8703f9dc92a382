"""Paint a heat map over the image that it explains. numpy only: this is on the way of a live study."""

import numpy as np
import numpy.typing as npt

#: Nine evenly spaced colours of matplotlib's "inferno" (CC0; Smith and van der Walt 2015), dark to bright. Its
#: lightness rises evenly, so that it reads alike with every kind of colour blindness, and in grey print.
_ANCHORS = (
    (0, 0, 4),
    (33, 12, 74),
    (86, 16, 110),
    (137, 34, 106),
    (187, 55, 84),
    (227, 89, 50),
    (249, 140, 10),
    (249, 201, 50),
    (252, 255, 164),
)
_LEVELS = 256
#: How much of the image the hottest place covers; less where it is cooler, so that the lung stays visible.
_OPACITY = 0.6
_DIMENSIONS = 2
_MAXIMUM_8_BIT = 255.0
#: Rounding may leave [0, 1] by a little, as `preprocess` allows too.
_RANGE_TOLERANCE = 1e-3


def colours() -> npt.NDArray[np.float32]:
    """Give the colour table, (256, 3) float32 in [0, 1], from no heat to full heat."""
    anchors = np.asarray(_ANCHORS, np.float64) / _MAXIMUM_8_BIT
    at, known = np.linspace(0.0, 1.0, _LEVELS), np.linspace(0.0, 1.0, len(anchors))
    return np.stack([np.interp(at, known, channel) for channel in anchors.T], axis=-1).astype(np.float32)


def overlay(
    image: npt.NDArray[np.float32], heat_map: npt.NDArray[np.float32], *, full_heat: float | None = None
) -> npt.NDArray[np.uint8]:
    """Paint a heat map (150, 150), at least 0, over an image (H, W) in [0, 1]: RGB (H, W, 3) uint8.

    The map is stretched as `preprocess` squashed the image. `full_heat` is the heat of the brightest colour; without
    it that is this map's own maximum, so colours then compare places of one image, never two images. A map of
    zeros leaves the image grey. ValueError when shapes or values are not such.
    """
    _check(image, heat_map)
    hottest = float(heat_map.max()) if full_heat is None else full_heat
    share = np.clip(heat_map / hottest, 0.0, 1.0) if hottest > 0.0 else np.zeros_like(heat_map)
    rows, columns = image.shape
    heat = _stretch_rows(np.ascontiguousarray(_stretch_rows(share.astype(np.float32), rows).T), columns).T
    level = np.rint(heat * (_LEVELS - 1)).astype(np.uint8)
    opacity = np.linspace(0.0, _OPACITY, _LEVELS, dtype=np.float32)
    grey = np.clip(image, 0.0, 1.0) * (1 - opacity)[level]
    painted = np.empty((rows, columns, 3), np.uint8)
    for channel, colour in enumerate((colours() * opacity[:, np.newaxis]).T):
        painted[..., channel] = np.rint((grey + colour[level]) * np.float32(_MAXIMUM_8_BIT))
    return painted


def _check(image: npt.NDArray[np.float32], heat_map: npt.NDArray[np.float32]) -> None:
    if image.ndim != _DIMENSIONS or heat_map.ndim != _DIMENSIONS or not image.size or not heat_map.size:
        raise ValueError(f"an image and a heat map have rows and columns, not {image.shape} and {heat_map.shape}")
    # NaN fails every comparison.
    if not (image.min() >= -_RANGE_TOLERANCE and image.max() <= 1.0 + _RANGE_TOLERANCE):
        raise ValueError("grey levels outside [0, 1]")
    if not (heat_map.min() >= 0.0 and heat_map.max() < np.inf):
        raise ValueError("heat below 0, or not finite")


def _stretch_rows(values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """Interpolate (H, W) linearly to `count` rows; rows are areas, so their centres lie at a half."""
    last = len(values) - 1
    at = np.clip((np.arange(count) + 0.5) * len(values) / count - 0.5, 0.0, last)
    above = np.floor(at).astype(np.intp)
    share = (at - above).astype(np.float32)[:, np.newaxis]
    stretched: npt.NDArray[np.float32] = values[above] * (1 - share) + values[np.minimum(above + 1, last)] * share
    return stretched
