"""The demo's table: what the network says, and what the PACS received."""

from collections.abc import Sequence

from rich.table import Table

from admin.demo_outcome import Outcome
from db import results


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Show them in reading order."""
    table = Table(title="What the network says, and what the PACS received", title_justify="left")
    for column in (
        "study",
        "sent as",
        "truth",
        "probability",
        "assessment",
        "priority",
        "why not analysed",
        "report",
        "heat map",
        "seconds",
    ):
        table.add_column(column, justify="right" if column in {"probability", "seconds"} else "left")
    for outcome in sorted(outcomes, key=_reading_order):
        table.add_row(*_cells(outcome))
    return table


def _reading_order(outcome: Outcome) -> tuple[int, float]:
    if outcome.result is None:
        return (-1, 0.0)
    return (outcome.result.reading_priority.rank, -(outcome.result.probability or 0.0))


def _cells(outcome: Outcome) -> tuple[str, ...]:
    result = outcome.result
    if result is None:
        demo = outcome.demo
        return (demo.label, demo.sent_as, demo.truth, "-", "-", "-", "no result", "no", "-", "-")
    refusal = results.refusal_of(result)
    return (
        outcome.demo.label,
        outcome.demo.sent_as,
        outcome.demo.truth,
        "-" if result.probability is None else f"{result.probability:.3f}",
        result.assessment.value.replace("_", " "),
        result.reading_priority.value,
        refusal.code.words if refusal else "",
        _delivery_words(outcome),
        _heat_map_words(outcome),
        "-" if outcome.seconds is None else f"{outcome.seconds:.1f}",
    )


def _delivery_words(outcome: Outcome) -> str:
    if not outcome.delivered or outcome.state is None:
        return "[red]missing[/]"
    return "committed" if outcome.is_committed else f"[red]{outcome.state.value.lower()}[/]"


def _heat_map_words(outcome: Outcome) -> str:
    if outcome.heat_maps != outcome.heat_maps_due:
        return f"[red]{outcome.heat_maps} received[/]"
    return "received" if outcome.heat_maps else ""
