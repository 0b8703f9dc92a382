"""How a comparison is shown: as a table for people, as Markdown for the docs."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from admin.model_tables import cell
from admin.output import console, print_table

if TYPE_CHECKING:
    from model.comparison import Compared

_COLUMNS = (
    "method",
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "F1",
    "ROC AUC",
    "PR AUC",
    "Brier",
    "training, s",
    "one image, ms",
)


def print_rows(rows: Sequence["Compared"]) -> None:
    """Print the figures at 0.5, then what each method is."""
    console.print(rows[0].figures.data_set)
    print_table(_COLUMNS, [_cells(row) for row in rows])
    print_table(("method", "setting", "calibrated on"), [(row.name, row.setting, row.calibrated_on) for row in rows])


def markdown(rows: Sequence["Compared"]) -> str:
    """Give both tables as Markdown."""
    figures = _markdown_table(_COLUMNS, [_cells(row) for row in rows], "---:")
    settings = [(row.name, row.setting, row.calibrated_on) for row in rows]
    words = _markdown_table(("method", "setting", "calibrated on"), settings, "---")
    return f"{rows[0].figures.data_set}\n\n{figures}\n\n{words}"


def _cells(row: "Compared") -> tuple[str, ...]:
    at = row.figures
    measured = (at.accuracy, at.precision, at.recall, at.specificity, at.f1, at.roc_auc, at.pr_auc, at.brier)
    return (row.name, *(cell(value) for value in measured), f"{row.fit_seconds:.1f}", f"{row.milliseconds:.1f}")


def _markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    lines = [columns, ("---", *(alignment for _ in columns[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
