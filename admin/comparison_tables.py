"""How a comparison is shown: as a table for people, as Markdown for the docs."""

from collections.abc import Iterable, Sequence
from statistics import fmean
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
    if any(row.perturbations for row in rows):
        print_table(*_perturbation_table(rows))
    print_table(("method", "setting", "calibrated on"), [(row.name, row.setting, row.calibrated_on) for row in rows])


def markdown(rows: Sequence["Compared"]) -> str:
    """Give both tables as Markdown."""
    figures = _markdown_table(_COLUMNS, [_cells(row) for row in rows], "---:")
    if any(row.perturbations for row in rows):
        columns, changed = _perturbation_table(rows)
        figures += f"\n\n{_markdown_table(columns, changed, '---:')}"
    settings = [(row.name, row.setting, row.calibrated_on) for row in rows]
    words = _markdown_table(("method", "setting", "calibrated on"), settings, "---")
    return f"{rows[0].figures.data_set}\n\n{figures}\n\n{words}"


def _cells(row: "Compared") -> tuple[str, ...]:
    at = row.figures
    measured = (at.accuracy, at.precision, at.recall, at.specificity, at.f1, at.roc_auc, at.pr_auc, at.brier)
    return (row.name, *(cell(value) for value in measured), f"{row.fit_seconds:.1f}", f"{row.milliseconds:.1f}")


def _perturbation_table(rows: Sequence["Compared"]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Give accuracy by perturbation and method: columns and rows."""
    measured = [row for row in rows if row.perturbations]
    columns = ("accuracy at 0.5", *(row.name for row in measured))
    plain = ("as they are", *(cell(row.figures.accuracy) for row in measured))
    changed = [
        (at_once[0].name, *(cell(one.accuracy) for one in at_once))
        for at_once in zip(*(row.perturbations for row in measured), strict=True)
    ]
    lost = ("most that is lost", *(cell(max(one.accuracy_lost for one in row.perturbations)) for row in measured))
    change = (
        "mean change of the probability",
        *(cell(fmean(one.mean_change for one in row.perturbations)) for row in measured),
    )
    return columns, [plain, *changed, lost, change]


def _markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    lines = [columns, ("---", *(alignment for _ in columns[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
