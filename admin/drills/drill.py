"""What a drill is."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from admin.drills.tally import Tally


@dataclass(frozen=True, slots=True)
class DrillRun:
    """One run of a drill: what it is given."""

    rounds: int
    #: Every random choice comes from here: the seed makes a run again, as far as threads allow.
    chance: random.Random
    #: Not made yet; the drill's own.
    folder: Path
    #: Told how many rounds are over.
    on_round: Callable[[int], None] = lambda _: None

    def each_round(self) -> Iterator[int]:
        """Give each round's number, from 0, and tell when it is over."""
        for number in range(self.rounds):
            yield number
            self.on_round(number + 1)


@dataclass(frozen=True, slots=True)
class Drill:
    """One way of breaking the service."""

    name: str
    #: One line for `--list`.
    what: str
    #: Rounds of the long form.
    rounds: int
    #: Rounds in `make test`.
    short_rounds: int
    run: Callable[[DrillRun], Tally]
