"""Drawn look-alikes of other examinations: limbs, pelvis, skull, abdomen, CT and MR slices, ultrasound. Training only.

Each generator takes its own random generator and gives one image (160, 160) float32 in [0, 1], bone or tissue bright.
"""

from collections.abc import Callable

import numpy as np

from model.gate_canvas import (
    SIDE,
    Array,
    Random,
    blank,
    bone,
    chance,
    cloud,
    ellipse,
    expose,
    grid,
    limb,
    ring,
    stretch,
    thickness,
)


def hand(rng: Random) -> Array:
    """Draw fingers, metacarpals, wrist and forearm, spread by chance, in any quarter turn."""
    tissue, bones = blank(), blank()
    size, lean, middle = rng.uniform(0.8, 1.15), rng.uniform(-0.1, 0.1), rng.uniform(0.42, 0.58)
    wrist = rng.uniform(0.66, 0.8)
    for finger in range(5):
        spread = (finger - 2) * rng.uniform(0.13, 0.28) + lean
        at = (wrist - 0.05, middle + (finger - 2) * 0.045 * size)
        for length, radius in ((0.22, 0.022), (0.14, 0.018), (0.09, 0.015), (0.06, 0.013)):
            reach = length * size * (0.75 if finger in {0, 4} else 1.0)
            to = (at[0] - reach * np.cos(spread), at[1] + reach * np.sin(spread))
            bones = np.maximum(bones, bone(at, to, radius * size))
            tissue = np.maximum(tissue, limb(at, to, 2.3 * radius * size))
            at = (to[0] - 0.012, to[1])
    palm = limb((wrist, middle), (wrist - 0.17 * size, middle), 0.13 * size)
    for side in (-0.03, 0.04):
        bones = np.maximum(bones, bone((wrist + 0.06, middle + side), (1.1, middle + 1.3 * side), 0.03 * size))
    for _ in range(8):
        spot = (wrist + rng.uniform(-0.05, 0.04), middle + rng.uniform(-0.07, 0.07))
        bones = np.maximum(bones, 0.8 * thickness(spot, (0.025, 0.025)))
    tissue = np.maximum(np.maximum(tissue, palm), limb((wrist, middle), (1.1, middle), 0.09 * size))
    image = rng.uniform(0.25, 0.5) * tissue + rng.uniform(0.4, 0.7) * bones
    return expose(rng, np.rot90(image, int(rng.choice((0, 0, 0, 1, 2, 3)))))


def joint(rng: Random) -> Array:
    """Draw one or two long bones that meet: knee, elbow, ankle, shin, upper arm; at any angle."""
    angle, bend = rng.uniform(0, 2 * np.pi), rng.uniform(-0.7, 0.7)
    centre = (rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.65))
    image = blank()
    width = rng.uniform(0.05, 0.12)
    for turn in (0.0, np.pi + bend):
        to = (centre[0] + np.cos(angle + turn), centre[1] + np.sin(angle + turn))
        pair = chance(rng, 0.4)
        aside = (-np.sin(angle + turn) * width * 0.9, np.cos(angle + turn) * width * 0.9)
        image += rng.uniform(0.2, 0.5) * limb(centre, to, rng.uniform(1.8, 3.5) * width)
        for shift in (-1, 1) if pair else (0,):
            start = (centre[0] + shift * aside[0] + 0.08 * np.cos(angle + turn), centre[1] + shift * aside[1])
            finish = (to[0] + shift * aside[0], to[1] + shift * aside[1])
            image += 0.6 * bone(start, finish, width * (0.6 if pair else 1.0))
    return expose(rng, image)


def pelvis(rng: Random) -> Array:
    """Draw both hips from the front: iliac wings, sacrum, heads and shafts of the femora; at times upside down."""
    _, x = grid()
    tilt, size = rng.uniform(25, 50), rng.uniform(0.85, 1.25)
    image = rng.uniform(0.2, 0.5) * thickness((0.5, 0.5), (rng.uniform(0.7, 1.4), rng.uniform(0.5, 0.75)))
    for side in (-1, 1):
        wing = (0.33, 0.5 + side * 0.25 * size)
        image += 0.25 * thickness(wing, (0.24 * size, 0.13 * size), side * tilt)
        image += 0.25 * ring(wing, (0.24 * size, 0.13 * size), 0.012, side * tilt)
        head = (0.6, 0.5 + side * 0.28 * size)
        image += 0.35 * thickness(head, (0.075 * size, 0.075 * size)) + 0.2 * ring(head, (0.09, 0.09), 0.012)
        trochanter = (head[0] + 0.09, head[1] + side * 0.12 * size)
        image += 0.4 * bone(head, trochanter, 0.045) + 0.5 * bone(trochanter, (1.2, trochanter[1] - side * 0.05), 0.06)
        image += 0.25 * ring((0.75, 0.5 + side * 0.1 * size), (0.06, 0.08), 0.015, side * 30)
    image += 0.3 * thickness((0.35, 0.5), (0.2, 0.1)) + 0.25 * bone((-0.1, 0.5), (0.25, 0.5), 0.07)
    for _ in range(int(rng.integers(0, 7))):
        spot = (rng.uniform(0.05, 0.55), rng.uniform(0.3, 0.7))
        image -= rng.uniform(0.05, 0.2) * thickness(spot, (rng.uniform(0.02, 0.07), rng.uniform(0.02, 0.09)))
    if chance(rng, 0.3):  # one hip only
        half = image[:, : SIDE // 2] if chance(rng, 0.5) else image[:, SIDE // 2 :]
        image = np.repeat(half, 2, axis=1)[:, :SIDE] + 0 * x
    return expose(rng, np.rot90(image, int(rng.choice((0, 0, 0, 2)))))


def skull(rng: Random) -> Array:
    """Draw a bright rim around an even inside, with orbits, teeth and neck."""
    centre, radii = (rng.uniform(0.38, 0.5), rng.uniform(0.42, 0.58)), (rng.uniform(0.28, 0.4), rng.uniform(0.26, 0.4))
    image = 0.4 * thickness(centre, radii) + 0.5 * ring(centre, radii, rng.uniform(0.012, 0.04))
    for side in (-1, 1):
        orbit = (centre[0] + 0.14, centre[1] + side * 0.13)
        image += 0.2 * ring(orbit, (0.06, 0.075), 0.012) - 0.1 * thickness(orbit, (0.06, 0.075))
    image += 0.5 * thickness((centre[0] + 0.3, centre[1]), (0.1, 0.14)) + 0.3 * limb((0.7, centre[1]), (1.2, 0.5), 0.15)
    for _ in range(6):
        image += 0.1 * ring((rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.7)), (0.05, 0.08), 0.01, rng.uniform(0, 180))
    return expose(rng, np.rot90(image, int(rng.choice((0, 0, 1, 3)))))


def spine(rng: Random) -> Array:
    """Draw a column of vertebrae in soft tissue, without lungs: neck or loin, from the front or the side."""
    y, x = grid()
    where, width, count = rng.uniform(0.35, 0.65), rng.uniform(0.06, 0.16), rng.uniform(5, 9)
    curve = where + rng.uniform(-0.12, 0.12) * np.sin(np.pi * (y + rng.uniform(0, 1)))
    column = np.clip(1 - np.abs(x - curve) / width, 0, 1) ** 0.3
    gaps = 0.5 + 0.5 * np.tanh(4 * np.sin(2 * np.pi * count * y + rng.uniform(0, 6)))
    body = np.sqrt(np.clip(1 - ((x - curve) / rng.uniform(0.25, 0.9)) ** 2, 0, 1))
    image = rng.uniform(0.3, 0.8) * body + 0.5 * column * (0.5 + 0.5 * gaps)
    return expose(rng, np.rot90(image, int(rng.choice((0, 0, 0, 1)))))


def abdomen(rng: Random) -> Array:
    """Draw a bright belly with a spine, gas in loops, and pelvic bones at the lower edge."""
    image = 0.6 * thickness((0.55, 0.5), (rng.uniform(0.7, 1.3), rng.uniform(0.5, 0.7)))
    image += 0.3 * bone((-0.1, 0.5), (0.8, 0.5), rng.uniform(0.05, 0.09))
    for _ in range(int(rng.integers(3, 16))):
        spot, radii = (rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)), (rng.uniform(0.02, 0.1), rng.uniform(0.03, 0.14))
        image -= rng.uniform(0.1, 0.35) * thickness(spot, radii, rng.uniform(0, 180))
    for side in (-1, 1):
        image += 0.25 * thickness((0.85, 0.5 + side * 0.28), (0.2, 0.13), side * 40)
        image += 0.08 * ring((0.05, 0.5 + side * 0.25), (0.15, 0.2), 0.015)
    return expose(rng, image)


def breast(rng: Random) -> Array:
    """Draw a half disc from one edge, with strands, on black: a mammogram."""
    centre, radii = (rng.uniform(0.4, 0.6), 0.0), (rng.uniform(0.3, 0.55), rng.uniform(0.35, 0.85))
    shape = thickness(centre, radii)
    strands = np.clip(0.5 + 0.3 * cloud(rng, 1.6), 0, 1)
    image = shape * (0.4 + rng.uniform(0.2, 0.6) * strands)
    return stretch(image[:, ::-1] if chance(rng, 0.5) else image, 0, 99.8)


def _window(rng: Random, hounsfield: Array) -> Array:
    """Show Hounsfield units through a lung, soft-tissue, bone, brain or wide window."""
    windows = ((-600, 1500), (40, 400), (300, 1500), (40, 100), (0, 2000), (-300, 1400))
    centre, width = windows[int(rng.integers(len(windows)))]
    noisy = hounsfield + rng.uniform(0, 40) * rng.standard_normal(hounsfield.shape)
    return np.clip((noisy - centre) / width + 0.5, 0, 1).astype(np.float32)


def _trunk(rng: Random) -> tuple[Array, Array, tuple[float, float], tuple[float, float]]:
    """Give air around a body with fat, muscle, spine and table in Hounsfield units, the body's mask and its ellipse."""
    zoom = rng.uniform(0.8, 1.35)
    centre = (rng.uniform(0.45, 0.55), rng.uniform(0.47, 0.53))
    radii = (rng.uniform(0.25, 0.36) * zoom, rng.uniform(0.36, 0.46) * zoom)
    body = ellipse(centre, radii)
    inner = (radii[0] * rng.uniform(0.84, 0.95), radii[1] * rng.uniform(0.84, 0.95))
    image = -1000 + body * 900 + ellipse(centre, inner) * 150
    back = (centre[0] + 0.62 * radii[0], centre[1])
    image += 450 * ellipse(back, (0.05 * zoom, 0.06 * zoom)) + 300 * ellipse(
        (back[0] + 0.08 * zoom, back[1]), (0.06, 0.02)
    )
    if chance(rng, 0.6):
        image += 700 * ring((centre[0] - 0.6, 0.5), (0.6 + radii[0] + 0.04, 0.9), 0.012) * (1 - body)
    return image, body, centre, radii


def ct_chest(rng: Random) -> Array:
    """Draw a transverse slice through lungs, heart, vessels and ribs, in any window, sometimes turned."""
    image, _, centre, radii = _trunk(rng)
    for side in (-1, 1):
        lung_centre = (centre[0] + rng.uniform(-0.05, 0.03), centre[1] + side * 0.5 * radii[1])
        lung_radii = (radii[0] * rng.uniform(0.55, 0.75), radii[1] * rng.uniform(0.28, 0.4))
        lung = ellipse(lung_centre, lung_radii, side * rng.uniform(-15, 15))
        vessels = np.clip(cloud(rng, 0.8) - 1.3, 0, 1) * 700
        image = image * (1 - lung) + lung * (rng.uniform(-900, -700) + vessels)
    heart = ellipse((centre[0] - 0.05, centre[1] + 0.06), (radii[0] * 0.42, radii[1] * rng.uniform(0.2, 0.38)), 30)
    image = image * (1 - heart) + 50 * heart
    for angle in np.linspace(0, 2 * np.pi, int(rng.integers(8, 16)), endpoint=False) + rng.uniform(0, 1):
        spot = (centre[0] + 0.86 * radii[0] * np.sin(angle), centre[1] + 0.88 * radii[1] * np.cos(angle))
        image += 600 * ellipse(spot, (0.012, 0.035), float(np.rad2deg(angle)))
    return np.ascontiguousarray(np.rot90(_window(rng, image), int(rng.choice((0, 0, 0, 0, 1, 2, 3)))))


def ct_abdomen(rng: Random) -> Array:
    """Draw a transverse slice through liver, kidneys, gut and vertebra, in any window."""
    image, body, centre, radii = _trunk(rng)
    for _ in range(int(rng.integers(4, 12))):
        spot = (centre[0] + rng.uniform(-0.6, 0.6) * radii[0], centre[1] + rng.uniform(-0.7, 0.7) * radii[1])
        size = (rng.uniform(0.03, 0.14), rng.uniform(0.03, 0.16))
        level = rng.choice((-800, -100, 20, 60, 120, 200), p=(0.15, 0.2, 0.2, 0.2, 0.15, 0.1))
        organ = ellipse(spot, size, rng.uniform(0, 180)) * body
        image = image * (1 - organ) + level * organ
    return _window(rng, image + 10 * cloud(rng, 1.0))


def ct_head(rng: Random) -> Array:
    """Draw a transverse slice through a skull: bright rim, even brain, dark ventricles, sometimes a bleed."""
    centre, radii = (0.5, 0.5), (rng.uniform(0.36, 0.48), rng.uniform(0.28, 0.4))
    image = (
        -1000 + 1035 * ellipse(centre, radii) + rng.uniform(700, 1300) * ring(centre, radii, rng.uniform(0.012, 0.03))
    )
    inside = ellipse(centre, (radii[0] * 0.93, radii[1] * 0.93))
    image += inside * 6 * cloud(rng, 1.2)
    for side in (-1, 1):
        image -= 30 * ellipse((0.47, 0.5 + side * 0.05), (0.1, 0.03), side * 15)
    if chance(rng, 0.5):
        image += 40 * ellipse((rng.uniform(0.3, 0.7), rng.uniform(0.35, 0.65)), (0.05, 0.08), rng.uniform(0, 180))
    return _window(rng, image)


def mr_slice(rng: Random) -> Array:
    """Draw folded tissue in an ellipse under a bright fat rim, with coil shading; brain, knee or trunk alike."""
    centre, radii = (0.5, 0.5), (rng.uniform(0.3, 0.48), rng.uniform(0.26, 0.48))
    inside = ellipse(centre, radii, rng.uniform(-15, 15))
    folds = 0.5 + 0.35 * np.tanh(1.5 * cloud(rng, rng.uniform(0.6, 1.6)))
    image = inside * folds * rng.uniform(0.4, 0.9) + rng.uniform(0.2, 0.8) * ring(
        centre, radii, rng.uniform(0.01, 0.04)
    )
    for _ in range(int(rng.integers(1, 8))):
        spot = (rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75))
        blob = ellipse(spot, (rng.uniform(0.02, 0.12), rng.uniform(0.02, 0.12)), rng.uniform(0, 180)) * inside
        image = image * (1 - blob) + rng.random() * blob
    shading = 1 + rng.uniform(0, 0.5) * np.tanh(cloud(rng, 2.5))
    return stretch(np.abs(image * shading + 0.03 * rng.standard_normal(image.shape)), 0, 99.5)


def ultrasound(rng: Random) -> Array:
    """Draw a sector or a linear field of speckle with cysts, shadows and depth loss, on black, with a caption."""
    field, depth = _sector(rng) if chance(rng, 0.7) else _linear(rng)
    speckle = rng.rayleigh(0.5, (SIDE, SIDE)) * np.exp(0.6 * cloud(rng, 1.3))
    layers = 1 + 0.6 * np.sin(depth * rng.uniform(10, 60)) * chance(rng, 0.4)
    image = speckle * layers * np.exp(-rng.uniform(0, 2.5) * depth)
    for _ in range(int(rng.integers(0, 5))):
        spot = (rng.uniform(0.25, 0.8), rng.uniform(0.3, 0.7))
        radii = (rng.uniform(0.03, 0.25), rng.uniform(0.03, 0.18))
        image *= 1 - rng.uniform(0.5, 1) * ellipse(spot, radii)
        image += rng.uniform(0, 0.8) * chance(rng, 0.5) * speckle * ring(spot, radii, rng.uniform(0.01, 0.04))
    shown: Array = (stretch(np.log1p(4 * image), 0, 99.5) * field).astype(np.float32)
    shown[:6, :48] = rng.choice((0, 1), (6, 48), p=(0.8, 0.2))
    return shown


def _sector(rng: Random) -> tuple[Array, Array]:
    y, x = grid()
    top = rng.uniform(-0.15, 0.1)
    angle, reach = np.abs(np.arctan2(x - 0.5, y - top)), np.hypot(x - 0.5, y - top)
    inside = (angle < rng.uniform(0.4, 0.9)) & (reach < rng.uniform(0.75, 1.05)) & (reach > rng.uniform(0, 0.2))
    return inside.astype(np.float32), reach


def _linear(rng: Random) -> tuple[Array, Array]:
    y, x = grid()
    half, first, last = rng.uniform(0.3, 0.5), 0.05, rng.uniform(0.7, 1)
    return ((np.abs(x - 0.5) < half) & (y > first) & (y < last)).astype(np.float32), y


#: Kind -> generator.
PHANTOMS: dict[str, Callable[[Random], Array]] = {
    "hand": hand,
    "joint": joint,
    "pelvis": pelvis,
    "skull": skull,
    "spine": spine,
    "abdomen": abdomen,
    "breast": breast,
    "ct chest": ct_chest,
    "ct abdomen": ct_abdomen,
    "ct head": ct_head,
    "mr": mr_slice,
    "ultrasound": ultrasound,
}
