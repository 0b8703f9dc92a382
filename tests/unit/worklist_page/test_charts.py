import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.distribution import BINS
from domain.proportion import Proportion
from worklist.charts import HEIGHT, WIDTH, Chart, compared, layered, ranged, stacked

_VALUES = st.lists(st.floats(0, 1e6), min_size=3, max_size=3)
_COLUMNS = st.dictionaries(st.text(min_size=1, max_size=5), _VALUES, max_size=90)


def _is_inside(chart: Chart) -> bool:
    slack = 2.5  # of a mark, which has a thickness
    boxes = all(
        -slack <= box.x
        and box.x + box.width <= WIDTH + slack
        and -slack <= box.y
        and box.y + box.height <= HEIGHT + slack
        for box in chart.boxes
    )
    return boxes and all(0 <= text.x <= WIDTH for text in chart.texts)


@given(_COLUMNS)
def test_whatever_is_counted_is_drawn_inside(columns: dict[str, list[float]]) -> None:
    """No day, a single one, ninety; nothing at all, or a million."""
    kinds = {"one": "first", "two": "second", "three": "third"}
    parts = {name: dict(zip(kinds, found, strict=True)) for name, found in columns.items()}
    assert _is_inside(stacked("label", parts, kinds))
    assert _is_inside(layered("label", {name: tuple(sorted(found)) for name, found in columns.items()}, kinds, ""))
    shares = {name: Proportion(int(found[0]), int(found[0] + found[1])) for name, found in columns.items()}
    assert _is_inside(ranged("label", shares))
    assert len(ranged("label", shares).texts) <= 8


def test_a_bar_is_as_high_as_its_share_of_the_greatest() -> None:
    """Parts stand on each other; a share that nothing was counted for is not drawn."""
    chart = stacked("label", {"a": {"x": 1.0, "y": 3.0}, "b": {"x": 2.0, "y": 0.0}}, {"x": "ex", "y": "why"})
    assert [(box.kind, box.height, box.y) for box in chart.boxes] == [
        ("x", HEIGHT / 4, HEIGHT * 3 / 4),
        ("y", HEIGHT * 3 / 4, 0),
        ("x", HEIGHT / 2, HEIGHT / 2),
        ("y", 0, HEIGHT / 2),
    ]
    assert chart.boxes[0].title == "a: 1 ex"
    assert ranged("label", {"a": Proportion(0, 0)}).boxes == ()


def test_a_reference_is_marked_over_each_bin() -> None:
    """Without one only what was found is drawn."""
    found = np.full(BINS, 1 / BINS)
    assert [box.kind for box in compared("label", found, found).boxes] == ["found"] * BINS + ["mark"] * BINS
    assert len(compared("label", np.zeros(BINS), None).boxes) == BINS
