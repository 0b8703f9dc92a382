"""How a model's card, curve and figures are shown to people."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from admin.output import console, print_table
from model.card import ModelCard, RecipeRecord
from model.card_rows import CURVE_COLUMNS, at_thresholds, curve_rows, figure_cell, rate_rows
from model.figures import Confusion, Figures
from model.run_folder import EpochRecord


def print_evaluation(figures: Figures, answer: dict[str, Any]) -> None:
    """Print what `model evaluate` measured; `answer` is what --json prints."""
    console.print(figures_table(figures))
    for name, rates in at_thresholds(figures).items():
        print_class_table(name, answer["per_class"][name])
        print_confusion(name, rates.confusion)
    for name, figures_there in answer["intervals_95"].items():
        rows = [(figure, f"{low:.3f} to {high:.3f}") for figure, (low, high) in figures_there.items()]
        print_table((name, "95 % interval, by patient"), rows)
    if "perturbations" in answer:
        print_perturbations(answer["perturbations"])
    if "cues" in answer:
        print_cues(answer["cues"])
    if "deletion_test" in answer:
        print_table(("deletion test", "is"), list(answer["deletion_test"].items()))


def print_class_table(threshold: str, table: dict[str, Any]) -> None:
    """Print the paper's Table 3 at one threshold: figures by class, accuracy, macro and weighted averages."""
    columns = ("precision", "recall", "f1-score", "support")
    rows = []
    for name, row in table.items():
        if isinstance(row, dict):
            rows.append((name, *(row[column] for column in columns[:-1]), int(row["support"])))
        else:
            support = int(table["weighted avg"]["support"])
            rows.append((name, None, None, row, support))
    print_table((threshold, *columns), rows)


def print_confusion(threshold: str, confusion: Confusion) -> None:
    """Print the confusion matrix at one threshold: a row a true class, a column what was said."""
    print_table(
        (threshold, "called NORMAL", "called PNEUMONIA"),
        [("NORMAL", confusion.tn, confusion.fp), ("PNEUMONIA", confusion.fn, confusion.tp)],
    )


def print_perturbations(rows: list[dict[str, Any]]) -> None:
    """Print what each change of the images does to the answers at one operating point."""
    columns = ("images", "accuracy", "lost", "recall", "specificity", "mean |change|")
    shown = [
        (
            row["name"],
            row["rates"].accuracy,
            row["accuracy_lost"],
            row["rates"].recall,
            row["rates"].specificity,
            row["mean_change"],
        )
        for row in rows
    ]
    print_table(columns, shown)


def print_cues(rows: list[dict[str, Any]]) -> None:
    """Print how far the logit follows what has nothing to do with disease."""
    print_table(
        ("cue", "ROC AUC of the cue alone", "Spearman with the logit: normals", "pneumonias"),
        [(row["cue"], row["cue_auc"], row["normals"], row["pneumonias"]) for row in rows],
    )
    columns = (
        "both classes alike in",
        "images a class",
        "ROC AUC of the cue",
        "of the network",
        "recall",
        "specificity",
    )
    matched = [(row["cue"], row["matched"]) for row in rows if row["matched"]]
    shown = [
        (cue, m["normals"], m["cue_auc"], m["network_auc"], m["rates"].recall, m["rates"].specificity)
        for cue, m in matched
    ]
    print_table(columns, shown)


def print_card(console: Console, card: ModelCard) -> None:
    """Print a model card as a page."""
    console.print(f"[bold]{card.name} {card.version}[/bold] ({card.manufacturer}), {card.parameters:,} parameters")
    console.print(f"For: {card.intended_use}")
    console.print(f"Population: {card.population.text}")
    data = card.training_data
    console.print(f"Data: {data.name}, doi:{data.doi}, {data.licence}. {data.text}")
    console.print(f"Trained on {data.training_images} images of {data.training_patients} patients{_how(card.recipe)}")
    console.print(
        f"ONNX and Keras differ by {card.conversion.probability_difference:.1e} at most, in the heat map by "
        f"{card.conversion.heat_map_difference:.1e}"
    )
    if card.curve:
        console.print(curve_table(card.curve))
    for figures in card.figures:
        console.print(figures_table(figures))
    console.print("Limits:")
    for limit in card.limits:
        console.print(f"- {limit}")


def _how(recipe: RecipeRecord | None) -> str:
    if recipe is None:
        return ", elsewhere"
    return f" by recipe {recipe.name}, seed {recipe.seed}; weights of epoch {recipe.best_epoch} of {recipe.epochs}"


def curve_table(curve: Sequence[EpochRecord]) -> Table:
    """Show the training curve, a row an epoch."""
    return _right_aligned("Training curve; accuracy at 0.5, uncalibrated", CURVE_COLUMNS, curve_rows(curve))


def figures_table(figures: Figures) -> Table:
    """Show one evaluation: at 0.5 and at each operating point."""
    title = (
        f"{figures.data_set}: {figures.n} scored, {figures.refused} refused\n"
        f"ROC AUC {figure_cell(figures.roc_auc)}, PR AUC {figure_cell(figures.pr_auc)}, Brier {figures.brier:.4f}, "
        f"ECE {figures.ece:.4f}"
    )
    return _right_aligned(title, ("", *at_thresholds(figures)), rate_rows(figures))


def _right_aligned(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number or column else "left")
    for row in rows:
        table.add_row(*row)
    return table


def cell(value: float | str | None) -> str:
    """Give text as it is, and a figure as figures are shown."""
    return value if isinstance(value, str) else figure_cell(value)
