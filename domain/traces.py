"""What may be told of any exception: its type and its places, never its text.

The words of a foreign exception may quote what it met, and so patient data: databases quote values, parsers elements.
"""

import traceback
from pathlib import Path


def told(error: BaseException) -> str:
    """Give the type and the innermost place, as `KeyError at reception.py:123 store`."""
    places = _places(error)
    return f"{type(error).__name__} at {places[-1]}" if places else type(error).__name__


def told_whole(error: BaseException) -> list[str]:
    """Give the type and every place, outermost first; then the same of each exception that it came from."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines += [type(current).__name__, *_places(current)]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return lines


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
