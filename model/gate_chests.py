"""Frontal chests as other rooms make them: the perturbations that the gate is fitted and judged on. Training only.

Every function takes and gives one image (H, W) float32 in [0, 1], bone bright.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from model.gate_canvas import Array, Random, chance, cloud
from model.gate_negatives import resize

#: Rows and columns of a perturbed chest: enough for the gate, which reduces it to 64 x 64.
WORKING_SIDE = 128
_WHITE = 255.0


def perturb(rng: Random, chest: Array) -> Array:
    """Give one chest (128, 128) with its own draw of position, shape, borders, exposure, sharpness and markers."""
    image = resize(chest, WORKING_SIDE)
    if chance(rng, 0.25):
        image = _opaque(rng, image)
    image = _moved(rng, image)
    if chance(rng, 0.5):
        image = _exposed(rng, image)
    if chance(rng, 0.4):
        image = resize(resize(image, int(rng.integers(40, 110))), WORKING_SIDE)
    if chance(rng, 0.5):
        image = image + rng.uniform(0, 0.04) * rng.standard_normal(image.shape)
    if chance(rng, 0.4):
        image = _marked(rng, image)
    if chance(rng, 0.35):
        image = _framed(rng, image)
    return np.clip(image, 0, 1).astype(np.float32)


def _opaque(rng: Random, image: Array) -> Array:
    """Whiten parts of one lung or of both, as pneumonia and effusion do: the sickest chests must not be refused."""
    down, right = np.mgrid[0 : 1 : WORKING_SIDE * 1j, 0 : 1 : WORKING_SIDE * 1j]
    for middle in rng.choice((0.3, 0.7), int(rng.integers(1, 4))):
        away = (down - rng.uniform(0.25, 0.7)) ** 2 / rng.uniform(0.02, 0.09)
        away = away + (right - middle - rng.uniform(-0.08, 0.08)) ** 2 / rng.uniform(0.01, 0.04)
        level = np.quantile(image, rng.uniform(0.6, 0.9))
        image = image + rng.uniform(0.3, 1) * np.exp(-away) * np.clip(level - image, 0, None)
    return image.astype(np.float32)


def _moved(rng: Random, image: Array) -> Array:
    """Rotate, zoom, stretch, shear, shift; edges are repeated or black. Mirror at times: situs inversus is a chest."""
    angle, shear = np.deg2rad(rng.uniform(-10, 10)), rng.uniform(-0.08, 0.08)
    zoom, aspect = np.exp(rng.uniform(-0.22, 0.2)), np.exp(rng.uniform(-0.14, 0.14))
    tall, wide = zoom / aspect, zoom * aspect
    a, b = np.cos(angle) / wide, -np.sin(angle) / wide + shear
    c, d = np.sin(angle) / tall, np.cos(angle) / tall
    middle, pad = (WORKING_SIDE - 1) / 2, WORKING_SIDE // 2
    right, down = rng.uniform(-0.08, 0.08, 2) * WORKING_SIDE
    x, y = middle - a * (middle + right) - b * (middle + down), middle - c * (middle + right) - d * (middle + down)
    padded = np.pad(image, pad, mode="edge" if chance(rng, 0.7) else "constant")
    padded = _bowed(rng, padded[:, ::-1] if chance(rng, 0.05) else padded)
    source = Image.fromarray(np.ascontiguousarray(padded))
    size = (WORKING_SIDE, WORKING_SIDE)
    data = (a, b, x + pad, c, d, y + pad)
    return np.asarray(source.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR), np.float32)


def _bowed(rng: Random, image: Array) -> Array:
    """Lengthen the upper half against the lower, or the other way round: lungs of other ages and of deeper breath."""
    rows = np.linspace(0, 1, len(image))
    bent = rows + rng.uniform(-0.12, 0.12) * np.sin(np.pi * rows) + rng.uniform(-0.03, 0.03) * np.sin(2 * np.pi * rows)
    bowed: Array = image[np.clip(np.round(bent * (len(image) - 1)), 0, len(image) - 1).astype(int)]
    return bowed


def _exposed(rng: Random, image: Array) -> Array:
    """Give another curve of grey, contrast, brightness, and a slow shading."""
    curved = np.clip(image, 0, 1) ** np.exp(rng.uniform(-0.6, 0.6))
    shaded = curved + rng.uniform(0, 0.06) * cloud(rng, 2.5, WORKING_SIDE)
    exposed: Array = np.clip((shaded - 0.5) * np.exp(rng.uniform(-0.5, 0.5)) + 0.5 + rng.uniform(-0.12, 0.12), 0, 1)
    return exposed


def _marked(rng: Random, image: Array) -> Array:
    """Add side markers, electrodes or covered names: small boxes of one grey."""
    marked = image.copy()
    for _ in range(int(rng.integers(1, 4))):
        top, left = rng.integers(0, WORKING_SIDE - 8, 2)
        tall, wide = rng.integers(3, 18, 2)
        marked[top : top + tall, left : left + wide] = rng.random()
    return marked


def _framed(rng: Random, image: Array) -> Array:
    """Draw collimator blades: black, sometimes white, up to 10 % on each side by its own draw."""
    framed = image.copy()
    level = 1.0 if chance(rng, 0.35) else rng.uniform(0, 0.08)
    top, bottom, left, right = (int(WORKING_SIDE * rng.uniform(0, 0.1) * (chance(rng, 0.6))) for _ in range(4))
    framed[:top], framed[WORKING_SIDE - bottom :] = level, level
    framed[:, :left], framed[:, WORKING_SIDE - right :] = level, level
    return framed


def _jpeg(quality: int) -> Callable[[Array], Array]:
    def compressed(image: Array) -> Array:
        buffer = io.BytesIO()
        Image.fromarray(np.round(image * _WHITE).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer), np.float32) / np.float32(_WHITE)

    return compressed


def _filtered(kernel: ImageFilter.Filter) -> Callable[[Array], Array]:
    def filtered(image: Array) -> Array:
        eight_bit = Image.fromarray(np.round(image * _WHITE).astype(np.uint8))
        return np.asarray(eight_bit.filter(kernel), np.float32) / np.float32(_WHITE)

    return filtered


def _zoomed(tall: float, wide: float, degrees: float = 0.0, *, edge: bool = True) -> Callable[[Array], Array]:
    """Grow the content about its middle within the frame; what comes in is the repeated edge, or black."""

    def zoomed(image: Array) -> Array:
        rows, columns = image.shape
        pad = max(rows, columns) // 2
        source = Image.fromarray(np.pad(image, pad, mode="edge" if edge else "constant"))
        source = source.rotate(degrees, Image.Resampling.BILINEAR)
        reach_y, reach_x = rows / tall / 2, columns / wide / 2
        y, x = pad + rows / 2, pad + columns / 2
        box = (x - reach_x, y - reach_y, x + reach_x, y + reach_y)
        return np.asarray(source.resize((columns, rows), Image.Resampling.BILINEAR, box), np.float32)

    return zoomed


def _bordered(level: float) -> Callable[[Array], Array]:
    def bordered(image: Array) -> Array:
        rows, columns = (length // 12 for length in image.shape)
        return np.pad(image, ((rows, rows), (columns, columns)), constant_values=level)

    return bordered


#: Name -> perturbation: what the gate's false refusals are counted under.
NAMED: dict[str, Callable[[Array], Array]] = {
    "as it is": lambda image: image,
    "JPEG quality 30": _jpeg(30),
    "half resolution": lambda image: resize(resize(image, min(image.shape) // 2), min(image.shape)),
    "blur, radius 2": _filtered(ImageFilter.GaussianBlur(2)),
    "sharpened": _filtered(ImageFilter.UnsharpMask(2, 200, 0)),
    "gamma 0.7": lambda image: image**0.7,
    "gamma 1.4": lambda image: image**1.4,
    "contrast 0.7": lambda image: (image - 0.5) * 0.7 + 0.5,
    "contrast 1.3": lambda image: np.clip((image - 0.5) * 1.3 + 0.5, 0, 1),
    "width x 0.8": _zoomed(1, 0.8),
    "width x 1.25": _zoomed(1, 1.25),
    "height x 1.25": _zoomed(1.25, 1),
    "5 % border cropped": _zoomed(1.11, 1.11),
    "black borders": _bordered(0.0),
    "white borders": _bordered(1.0),
    "smaller on black": _zoomed(0.85, 0.85, edge=False),
    "5 degrees": _zoomed(1, 1, 5),
    "10 degrees": _zoomed(1, 1, -10),
    "mirrored": lambda image: image[:, ::-1],
}
