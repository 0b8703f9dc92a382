"""Of a foreign exception its type and places are told, and nothing that it says."""

import pytest

from domain import traces


def _refuse(name: str) -> None:
    raise ValueError(f"no such patient: {name}")


def _look_up(name: str) -> None:
    try:
        _refuse(name)
    except ValueError as error:
        raise KeyError(name) from error


def test_type_and_innermost_place_are_told_and_not_the_words() -> None:
    """A line of a log names the function that failed."""
    with pytest.raises(ValueError, match="DOE") as caught:
        _refuse("DOE^JANE")
    told = traces.told(caught.value)
    assert told.startswith("ValueError at test_traces.py:")
    assert told.endswith(" _refuse")


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    """Its type is all that is known."""
    assert traces.told(KeyError("DOE")) == "KeyError"


def test_the_whole_trace_goes_back_to_what_it_came_from_without_words() -> None:
    """Every place of the exception, and then those of its cause."""
    with pytest.raises(KeyError) as caught:
        _look_up("DOE^JANE")
    whole = traces.told_whole(caught.value)
    assert whole[0] == "KeyError"
    assert "ValueError" in whole[1:]
    assert whole[-1].endswith(" _refuse")
    assert "DOE" not in " ".join(whole)


def test_causes_that_go_in_a_circle_end() -> None:
    """Python allows it; the log must not hang on it."""
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    assert traces.told_whole(first) == ["ValueError", "KeyError"]
