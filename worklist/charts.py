"""Charts as shapes for SVG: a template draws them, classes of the style sheet colour them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.distribution import BINS, Shares
from domain.proportion import Proportion

#: In the SVG's own units.
WIDTH, HEIGHT = 640.0, 160.0
#: Share of a column's place that its bar takes.
_FILL = 0.8
_MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Box:
    """One rectangle; `kind` is its class, `title` what a pointer over it reads."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Text:
    """Words below a column, centred on x."""

    x: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart."""

    #: What it shows, for those who do not see it.
    label: str
    boxes: tuple[Box, ...]
    texts: tuple[Text, ...]
    #: What its upper edge stands for.
    top: str
    #: What each kind of box stands for.
    legend: Mapping[str, str]


def stacked(label: str, columns: Mapping[str, Mapping[str, float]], legend: Mapping[str, str]) -> Chart:
    """Stack the parts of each column, from the bottom in their order."""
    most = max((sum(parts.values()) for parts in columns.values()), default=0.0) or 1.0
    boxes = []
    for at, (name, parts) in enumerate(columns.items()):
        below = 0.0
        for kind, value in parts.items():
            height = HEIGHT * value / most
            below += height
            boxes.append(_column(at, len(columns), below, height, kind, f"{name}: {value:g} {legend[kind]}"))
    return Chart(label, tuple(boxes), _names(list(columns)), f"{most:g}", legend)


def ranged(label: str, columns: Mapping[str, Proportion]) -> Chart:
    """Show each share as a mark on its interval; nothing where nothing was counted."""
    boxes = []
    for at, (name, found) in enumerate(columns.items()):
        if found.share is None:
            continue
        low, high = found.interval
        title = f"{name}: {found.hits} of {found.n}, {low:.0%} to {high:.0%}"
        boxes.append(_column(at, len(columns), HEIGHT * high, HEIGHT * (high - low), "range", title))
        boxes.append(_column(at, len(columns), HEIGHT * found.share + 1, 2.0, "mark", title))
    return Chart(label, tuple(boxes), _names(list(columns)), "100 %", {"mark": "share", "range": "95 % interval"})


def layered(label: str, columns: Mapping[str, tuple[float, ...] | None], legend: Mapping[str, str], unit: str) -> Chart:
    """Show percentiles of each column, in the order of the legend, one behind the other, the greatest behind."""
    most = max((values[-1] for values in columns.values() if values), default=0.0) or 1.0
    boxes = []
    for at, (name, values) in enumerate(columns.items()):
        for kind, value in reversed(list(zip(legend, values or (), strict=False))):
            height = HEIGHT * value / most
            boxes.append(_column(at, len(columns), height, height, kind, f"{name}: {legend[kind]} {value:.1f}{unit}"))
    return Chart(label, tuple(boxes), _names(list(columns)), f"{most:.1f}{unit}", legend)


def compared(label: str, found: Shares, expected: Shares | None) -> Chart:
    """Show the share of each bin of probability, with a mark where the reference has it."""
    most = float(max(found.max(), expected.max() if expected is not None else 0.0)) or 1.0
    names = [f"{at / BINS:.1f}" for at in range(BINS)]
    boxes = [
        _column(at, BINS, HEIGHT * share / most, HEIGHT * share / most, "found", f"from {names[at]}: {share:.1%}")
        for at, share in enumerate(found)
    ]
    for at, share in enumerate(expected if expected is not None else ()):
        title = f"from {names[at]}: {share:.1%} in the reference"
        boxes.append(_column(at, BINS, HEIGHT * share / most + 1, 2.0, "mark", title))
    legend = {"found": "found"} if expected is None else {"found": "found", "mark": "reference"}
    return Chart(label, tuple(boxes), _names(names), f"{most:.0%}", legend)


def _column(at: int, columns: int, top: float, height: float, kind: str, title: str) -> Box:
    """Give a box in one of so many columns; `top` is measured from the bottom."""
    place = WIDTH / columns
    return Box(place * (at + (1 - _FILL) / 2), HEIGHT - top, place * _FILL, height, kind, title)


def _names(names: Sequence[str]) -> tuple[Text, ...]:
    """Name as many columns as there is room for."""
    place, step = WIDTH / max(1, len(names)), max(1, -(-len(names) // _MOST_LABELS))
    return tuple(Text(place * (at + 0.5), name) for at, name in enumerate(names) if at % step == 0)
