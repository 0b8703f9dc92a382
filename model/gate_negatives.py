"""Images that are no frontal chest, by kind: patterns, pictures, and chests taken apart. Training only.

Every generator draws from the random generator that it is given: the same seed gives the same images.
Drawn look-alikes of other examinations are in gate_phantoms.py.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from model.gate_canvas import SIDE, Array, Random, blank, chance, cloud, grid, stretch
from model.gate_phantoms import PHANTOMS

_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789 .,:;-+/()"


def noise(rng: Random) -> Array:
    """Draw uncorrelated noise: Gaussian, uniform, Rayleigh, or salt and pepper, of any grain."""
    grain = int(rng.choice((1, 1, 2, 4, 8)))
    size = (SIDE // grain, SIDE // grain)
    salt = (rng.random(size) < rng.random()) * 1.0
    kinds = (rng.standard_normal(size), rng.random(size), rng.rayleigh(1.0, size), salt)
    return stretch(np.kron(kinds[int(rng.integers(4))], np.ones((grain, grain))).astype(np.float32), 0, 100)


def clouds(rng: Random) -> Array:
    """Draw noise with a falling spectrum, as natural textures have, up to a few smooth blobs."""
    return stretch(cloud(rng, rng.uniform(0.5, 3.0))) ** rng.uniform(0.5, 2.0)


def gradients(rng: Random) -> Array:
    """Draw ramps, vignettes, saddles and sums of them, with or without a little noise."""
    y, x = grid()
    u, v, a, b = y - rng.random(), x - rng.random(), rng.standard_normal(), rng.standard_normal()
    forms = (a * u + b * v, np.hypot(u, v), -np.hypot(u, v), a * u * v, a * u**2 + b * v**2, np.abs(v), -np.abs(u))
    chosen = rng.choice(len(forms), int(rng.integers(1, 4)), replace=False)
    image = sum((rng.uniform(0.3, 1) * forms[k] for k in chosen), blank())
    return stretch(image + rng.choice((0, 0.02, 0.1)) * rng.standard_normal(image.shape), 0, 100)


def stripes(rng: Random) -> Array:
    """Draw waves, bars, checks, rings and grids."""
    y, x = grid()
    turn, first, second = rng.uniform(0, np.pi), rng.uniform(1, 30), rng.uniform(1, 30)
    u, v = np.cos(turn) * y + np.sin(turn) * x, -np.sin(turn) * y + np.cos(turn) * x
    phase = rng.uniform(0, 6)
    waves = np.sin(2 * np.pi * first * u + phase)
    across = np.sin(2 * np.pi * second * v)
    rings = np.sin(2 * np.pi * first * np.hypot(y - 0.5, x - 0.5) + phase)
    forms = (waves, np.sign(waves), waves * across, np.sign(waves * across), rings, np.maximum(waves, across))
    image = forms[int(rng.integers(len(forms)))]
    return stretch(image + rng.uniform(0, 0.2) * rng.standard_normal(image.shape), 0, 100)


def text(rng: Random) -> Array:
    """Draw pages, labels and screens of letters, dark on bright or the other way round."""
    page = Image.new("L", (SIDE, SIDE), 255)
    pen = ImageDraw.Draw(page)
    size = float(rng.uniform(6, 40))
    font = ImageFont.load_default(size)
    top, indent = rng.uniform(0, 40), rng.uniform(-5, 40)
    while top < SIDE * rng.uniform(0.6, 1.1):
        line = "".join(rng.choice(list(_CHARACTERS), int(rng.integers(3, 60))))
        pen.text((indent, top), line, fill=int(rng.integers(0, 90)), font=font)
        top += size * rng.uniform(1.1, 2)
    if chance(rng, 0.5):
        pen.rectangle([int(v) for v in np.sort(rng.integers(0, SIDE, (2, 2)), axis=0).ravel()], outline=60, width=2)
    image = np.asarray(page, np.float32) / 255
    return 1 - image if chance(rng, 0.5) else image


def shapes(rng: Random) -> Array:
    """Draw overlapping discs, boxes and lines of any grey ("dead leaves"), few and large or many and small."""
    scene = Image.new("L", (SIDE, SIDE), int(rng.integers(0, 256)))
    pen = ImageDraw.Draw(scene)
    largest = rng.uniform(10, 90)
    for _ in range(int(rng.integers(2, 200))):
        down, right = rng.uniform(-20, SIDE + 20, 2)
        tall, wide = rng.uniform(2, largest, 2)
        box, grey = [right - wide, down - tall, right + wide, down + tall], int(rng.integers(0, 256))
        draw = (pen.ellipse, pen.rectangle, pen.ellipse)[int(rng.integers(3))]
        draw(box, fill=grey)
    image = np.asarray(scene, np.float32) / 255
    return stretch(image + rng.uniform(0, 0.15) * cloud(rng, 1.5), 0, 100)


def symmetric_blobs(rng: Random) -> Array:
    """Draw left-right symmetric clouds and discs: symmetry alone makes no chest."""
    scene = shapes(rng) if chance(rng, 0.5) else clouds(rng)
    both = np.concatenate([scene[:, : SIDE // 2], scene[:, : SIDE // 2][:, ::-1]], axis=1)
    return stretch(both + rng.uniform(0, 0.3) * cloud(rng, 2.0), 0, 100)


def photograph(rng: Random, pictures: Sequence[Array]) -> Array:
    """Draw a crop of any size from a picture, turned, mirrored, inverted, blurred, tiled or as it is."""
    picture = pictures[int(rng.integers(len(pictures)))]
    rows, columns = picture.shape
    tall = int(rng.integers(max(48, rows // 8), rows + 1))
    wide = int(np.clip(tall * rng.uniform(0.6, 1.7), 48, columns))
    top, left = int(rng.integers(0, rows - tall + 1)), int(rng.integers(0, columns - wide + 1))
    crop = resize(picture[top : top + tall, left : left + wide], SIDE)
    crop = np.rot90(crop, int(rng.choice((0, 0, 0, 1, 2, 3))))[:, :: int(rng.choice((1, -1)))]
    if chance(rng, 0.25):
        crop = resize(resize(crop, int(rng.integers(12, 60))), SIDE)
    if chance(rng, 0.15):
        crop = np.tile(resize(crop, SIDE // 2), (2, 2))
    return np.ascontiguousarray(1 - crop if chance(rng, 0.3) else crop, np.float32) ** rng.uniform(0.6, 1.6)


def jigsaw(rng: Random, chests: Sequence[Array]) -> Array:
    """Draw a chest cut into 4 to 64 squares, shuffled."""
    parts = int(rng.choice((2, 4, 5, 8)))
    tile = SIDE // parts
    chest = resize(_any(rng, chests), tile * parts)
    tiles = chest.reshape(parts, tile, parts, tile).swapaxes(1, 2).reshape(-1, tile, tile)
    order = np.roll(np.arange(4), int(rng.integers(1, 4))) if parts == 2 else rng.permutation(len(tiles))  # noqa: PLR2004
    return tiles[order].reshape(parts, parts, tile, tile).swapaxes(1, 2).reshape(chest.shape)


def detail(rng: Random, chests: Sequence[Array]) -> Array:
    """Draw a small part of a chest, enlarged: a shoulder, a rib, a piece of lung or belly."""
    chest = _any(rng, chests)
    share = rng.uniform(0.2, 0.45)
    tall, wide = int(share * chest.shape[0]), int(share * rng.uniform(0.8, 1.25) * chest.shape[1])
    top, left = (int(rng.integers(0, whole - part + 1)) for whole, part in zip(chest.shape, (tall, wide), strict=True))
    return stretch(resize(chest[top : top + tall, left : left + wide], SIDE), 0, 100)


def bent(rng: Random, chests: Sequence[Array]) -> Array:
    """Draw a chest bent around a disc, or a disc cut out of it: real tissue in the outline of a slice."""
    chest = resize(_any(rng, chests), SIDE)
    y, x = grid()
    down, right = y - 0.5, x - 0.5
    radius, angle = np.hypot(down, right), np.arctan2(right, down) / (2 * np.pi) + rng.random()
    edge = rng.uniform(0.3, 0.48)
    if chance(rng, 0.6):
        rows, columns = np.clip(radius / edge, 0, 1), angle % 1
        chest = chest[::-1] if chance(rng, 0.5) else chest
    else:
        rows, columns = np.clip(0.5 + down / edge / 2.2, 0, 1), np.clip(0.5 + right / edge / 2.2, 0, 1)
        chest = np.rot90(chest, int(rng.integers(1, 4)))
    picked = chest[(rows * (SIDE - 1)).astype(int), (columns * (SIDE - 1)).astype(int)]
    disc: Array = (picked * (radius < edge)).astype(np.float32)
    return disc


def swapped(rng: Random, chests: Sequence[Array]) -> Array:
    """Draw a chest rolled by about half its width or height, so that its middle lies at the edges."""
    chest = resize(_any(rng, chests), SIDE)
    far = int(SIDE * rng.uniform(0.33, 0.67))
    return np.roll(chest, far, axis=int(rng.integers(2)))


def montage(rng: Random, chests: Sequence[Array]) -> Array:
    """Draw two to nine chests in one image, as a contact sheet or a printed page has them."""
    rows, columns = ((1, 2), (2, 1), (2, 2), (3, 3), (2, 3))[int(rng.integers(5))]
    lines = [np.concatenate([_any(rng, chests) for _ in range(columns)], axis=1) for _ in range(rows)]
    return resize(np.concatenate(lines, axis=0), SIDE)


def resize(image: Array, side: int) -> Array:
    """Squash an image to (side, side)."""
    squashed = Image.fromarray(np.ascontiguousarray(image, np.float32)).resize((side, side), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(squashed, np.float32), 0, 1)


def _any(rng: Random, images: Sequence[Array]) -> Array:
    return images[int(rng.integers(len(images)))]


PATTERNS: dict[str, Callable[[Random], Array]] = {
    "noise": noise,
    "clouds": clouds,
    "gradients": gradients,
    "stripes": stripes,
    "text": text,
    "shapes": shapes,
    "symmetric": symmetric_blobs,
}
TAKEN_APART: dict[str, Callable[[Random, Sequence[Array]], Array]] = {
    "jigsaw": jigsaw,
    "detail": detail,
    "bent": bent,
    "swapped": swapped,
    "montage": montage,
}
#: Every kind that `draw` knows; "photograph" needs pictures.
KINDS = (*PATTERNS, *PHANTOMS, *TAKEN_APART, "photograph")


def draw(kind: str, seed: int, *, chests: Sequence[Array], pictures: Sequence[Array] = ()) -> Array:
    """Draw one negative, (H, W) float32 in [0, 1]. KeyError for an unknown kind.

    `chests` are square frontal chests of equal size to take apart; `pictures` are photographs in grey.
    """
    rng = np.random.default_rng([KINDS.index(kind) if kind in KINDS else len(KINDS), seed])
    if kind == "photograph":
        return photograph(rng, pictures)
    if kind in TAKEN_APART:
        return np.clip(TAKEN_APART[kind](rng, chests), 0, 1).astype(np.float32)
    return np.clip((PATTERNS | PHANTOMS)[kind](rng), 0, 1).astype(np.float32)
