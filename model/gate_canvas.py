"""Shapes and textures from which the gate's synthetic negatives are drawn. Training only."""

from typing import Any

import numpy as np
import numpy.typing as npt

#: An image or part of one; what leaves the generators is float32.
Array = npt.NDArray[np.floating[Any]]
Random = np.random.Generator

#: Rows and columns of every synthetic negative; the gate squashes images to a square of its own.
SIDE = 160
#: What is darker than this is air: no scatter.
_TISSUE = 0.01
_Y, _X = (axis.astype(np.float32) for axis in np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j])


def chance(rng: Random, share: float) -> bool:
    """Say yes this often."""
    return bool(rng.random() < share)


def blank(level: float = 0.0) -> Array:
    """Give an image of one level."""
    return np.full((SIDE, SIDE), level, np.float32)


def grid() -> tuple[Array, Array]:
    """Give the coordinates of every pixel, down and right, in [0, 1]."""
    return _Y, _X


def ellipse(centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0, soft: float = 0.01) -> Array:
    """Give a mask in [0, 1] of an ellipse; centre and radii are (down, right), the edge is about `soft` wide."""
    mask: Array = np.clip((1 - _elliptic(centre, radii, degrees)) * min(radii) / soft + 0.5, 0, 1).astype(np.float32)
    return mask


def ring(centre: tuple[float, float], radii: tuple[float, float], width: float, degrees: float = 0.0) -> Array:
    """Give a mask in [0, 1] of an elliptic rim of this width."""
    away = np.abs(1 - _elliptic(centre, radii, degrees)) * min(radii)
    return np.clip(1.5 - away / width, 0, 1).astype(np.float32)


def thickness(centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> Array:
    """Give what X-rays see of an ellipsoid: its depth, 1 in the middle."""
    return np.sqrt(np.clip(1 - _elliptic(centre, radii, degrees) ** 2, 0, None)).astype(np.float32)


def bone(start: tuple[float, float], end: tuple[float, float], radius: float) -> Array:
    """Give what X-rays see of a tube from start to end: dense rims, thicker ends, 0 outside."""
    along, away = _beside(start, end)
    flare = radius * (1 + 0.45 * np.abs(2 * along - 1) ** 4)
    inside = np.clip(1 - (away / flare) ** 2, 0, None)
    marrow = np.clip(1 - (away / (0.6 * flare)) ** 2, 0, None)
    return (np.sqrt(inside) - 0.55 * np.sqrt(marrow)).astype(np.float32)


def limb(start: tuple[float, float], end: tuple[float, float], radius: float) -> Array:
    """Give what X-rays see of soft tissue around a line: a solid tube, 0 outside."""
    _, away = _beside(start, end)
    depth: Array = np.sqrt(np.clip(1 - (away / radius) ** 2, 0, None)).astype(np.float32)
    return depth


def cloud(rng: Random, slope: float, side: int = SIDE) -> Array:
    """Give Gaussian noise whose amplitude falls with this power of the frequency; mean 0, deviation 1."""
    cycles = np.fft.fftfreq(side, 1 / side)
    radius = np.maximum(np.hypot(cycles[:, np.newaxis], cycles), 1)
    spectrum = np.fft.fft2(rng.standard_normal((side, side))) * radius**-slope
    spectrum[0, 0] = 0
    values = np.real(np.fft.ifft2(spectrum))
    texture: Array = (values / (values.std() + 1e-9)).astype(np.float32)
    return texture


def stretch(image: Array, low: float = 0.5, high: float = 99.5) -> Array:
    """Stretch these percentiles to 0 and 1, and clip."""
    bottom, top = np.percentile(image, (low, high))
    stretched: Array = np.clip((image - bottom) / max(float(top - bottom), 1e-6), 0, 1).astype(np.float32)
    return stretched


def expose(rng: Random, image: Array) -> Array:
    """Give an image as a radiograph has it: some scatter, grain, and a grey-level curve."""
    scatter = image + rng.uniform(0, 0.08) * cloud(rng, 2.0) * (image > _TISSUE)
    grain = scatter + rng.uniform(0, 0.03) * rng.standard_normal(image.shape)
    return (stretch(grain) ** rng.uniform(0.6, 1.6)).astype(np.float32)


def _elliptic(centre: tuple[float, float], radii: tuple[float, float], degrees: float) -> Array:
    angle = np.deg2rad(degrees)
    down, right = _Y - centre[0], _X - centre[1]
    u = (np.cos(angle) * down + np.sin(angle) * right) / radii[0]
    v = (-np.sin(angle) * down + np.cos(angle) * right) / radii[1]
    distance: Array = np.hypot(u, v).astype(np.float32)
    return distance


def _beside(start: tuple[float, float], end: tuple[float, float]) -> tuple[Array, Array]:
    """Give how far along the segment each pixel lies, in [0, 1], and its distance from it."""
    down, right = end[0] - start[0], end[1] - start[1]
    length = max(down * down + right * right, 1e-9)
    along = np.clip(((_Y - start[0]) * down + (_X - start[1]) * right) / length, 0, 1)
    away = np.hypot(_Y - start[0] - along * down, _X - start[1] - along * right)
    return along.astype(np.float32), away.astype(np.float32)
