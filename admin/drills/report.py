"""What a drill prints: one line, or JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from admin.drills.tally import Tally
from admin.output import print_table


@dataclass(frozen=True, slots=True)
class DrillResult:
    """One drill that was run."""

    name: str
    tally: Tally
    #: Why it could not be run to its end; empty when it was.
    error: str = ""

    @property
    def holds(self) -> bool:
        """The drill was run, and nothing is lost, twice or stuck."""
        return not self.error and self.tally.holds


def as_json(results: Sequence[DrillResult], seed: int, finished_at: datetime) -> dict[str, Any]:
    """Give the results for scripts, and for whoever shows the last ones."""
    return {
        "finished_at": finished_at.isoformat(),
        "seed": seed,
        "holds": all(result.holds for result in results),
        "drills": [{"name": r.name, "holds": r.holds, "error": r.error or None, **asdict(r.tally)} for r in results],
    }


def print_results(results: Sequence[DrillResult]) -> None:
    """Print the table: one line a drill."""
    columns = ("drill", "rounds", "acknowledged", "reported once", "lost", "twice", "stuck", "longest recovery")
    print_table(columns, (_cells(result) for result in results), title="Drills")
    for result in results:
        if result.error:
            print_table(("drill", "not run to its end"), [(result.name, result.error)])


def _cells(result: DrillResult) -> tuple[object, ...]:
    tally = result.tally
    recovery = f"{tally.longest_recovery_seconds:.1f} s"
    return (
        result.name,
        tally.rounds,
        tally.acknowledged,
        tally.reported_once,
        tally.lost,
        tally.twice,
        tally.stuck,
        recovery,
    )
