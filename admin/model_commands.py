"""`cxr-triage model`: train, export, evaluate and show versions of the network."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from admin import (
    gate_command,
    model_compare_command,
    model_crossval_command,
    model_export_command,
    model_version_commands,
)
from admin.model_options import (
    DataOption,
    JsonOption,
    RunOption,
    WeightsOption,
    chosen_images,
    chosen_version,
    train_extra,
    weights_root,
)
from admin.model_tables import cell, curve_table, print_card, print_evaluation
from admin.training_options import (
    DEFAULT_SEED,
    SAMPLES,
    VALIDATION_SHARE,
    EpochsOption,
    ExcludeOption,
    RecipeOption,
    SeedOption,
    training_progress,
)
from model.card import ModelCard, check_version, read_card, write_card
from model.card_page import card_page
from model.card_rows import at_thresholds
from model.classifier import Classifier, available_versions
from model.dataset import (
    LabelledImage,
    discover,
    patients_of_samples,
)
from model.gated_classifier import GatedClassifier
from model.recipe import find_recipe
from model.run_folder import RunFolder
from model.validation import HoldOut, hold_out

if TYPE_CHECKING:
    from model.evaluate import Evaluation

app = typer.Typer(help="Train, export, evaluate and choose versions of the network.", no_args_is_help=True)
app.command("export")(model_export_command.export)
app.command("gate")(gate_command.gate)
app.command("holdout")(model_crossval_command.holdout)
app.command("crossval")(model_crossval_command.crossval)
app.command("compare")(model_compare_command.compare)
app.command("activate")(model_version_commands.activate)
app.command("shadow")(model_version_commands.shadow)
app.command("compare-live")(model_version_commands.compare_live)


@app.command()
def train(
    data: DataOption,
    run_dir: RunOption,
    recipe: RecipeOption = "paper",
    epochs: EpochsOption = None,
    seed: SeedOption = DEFAULT_SEED,
    validate_on: Annotated[HoldOut, typer.Option("--hold-out", help="What to validate on.")] = HoldOut.PATIENTS,
    resume: Annotated[bool, typer.Option(help="Go on with a run that was cut, or start it anew.")] = True,
    exclude_patients_of: ExcludeOption = SAMPLES,
) -> None:
    """Train the network by a recipe; a run that was cut goes on after its last whole epoch."""
    with train_extra():
        from model import train as training  # noqa: PLC0415 - imports TensorFlow
    chosen, run = find_recipe(recipe), RunFolder(run_dir)
    excluded = patients_of_samples(exclude_patients_of)
    split = hold_out(discover(data), validate_on, seed=seed, share=VALIDATION_SHARE, excluded=excluded)
    last = chosen.epochs if epochs is None else epochs
    description = training.describe_run(
        split,
        chosen,
        seed=seed,
        epochs=last,
        share=VALIDATION_SHARE,
        excluded=excluded,
        hold_out=validate_on.value,
    )
    if not resume:
        run.clear()
    console = Console(stderr=True)
    console.print(f"{len(split.training)} images to train on, {len(split.validation)} to validate on, in {run_dir}")
    with training_progress(console, description.epochs) as progress:
        training.train(split, chosen, run, description, progress)
    console.print(curve_table(run.read_history()))


@app.command()
def evaluate(
    data: DataOption,
    version: Annotated[str | None, typer.Option(help="Version [default: the shipped one].")] = None,
    every: Annotated[bool, typer.Option("--all", help="All images, also those that were trained on.")] = False,
    deletion: Annotated[
        bool, typer.Option("--deletion-test", help="Also: what masking the hottest 20 % of the image does.")
    ] = False,
    perturbations: Annotated[
        bool, typer.Option("--perturbations", help="Also: how far the answers move when images are changed.")
    ] = False,
    cues: Annotated[
        bool, typer.Option("--cues", help="Also: whether the logit follows sharpness, contrast, aspect ratio, stretch.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="FOLDER", help="Also: write curves, ROC, examples, ... as PNG.")
    ] = None,
    keep_reference: Annotated[
        bool, typer.Option("--keep-reference", help="Also: write the spread of the probabilities into the model card.")
    ] = False,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a version by the live path: its validation patients of the training data, or all of another folder."""
    with train_extra():
        from model.evaluate import evaluate as evaluate_images  # noqa: PLC0415 - imports scikit-learn
    root = weights_root(weights)
    serving = GatedClassifier.load(root, chosen_version(root, version))
    classifier = serving.classifier
    images, data_set = chosen_images(root, classifier.card, data, every=every)
    with Console(stderr=True).status(f"Scoring {len(images)} images"):
        evaluation = evaluate_images(serving, images, data_set=data_set)
        answer = _figures_of(classifier, evaluation)
        if perturbations:
            answer["perturbations"] = _perturbations_of(classifier, evaluation)
        if cues:
            answer["cues"] = _cues_of(classifier, evaluation)
        if deletion:
            answer["deletion_test"] = _deletion_of(classifier, images)
        if keep_reference:
            _keep_reference(root, classifier.card, evaluation)
        if plots is not None:
            answer["plots"] = _plots_of(serving, evaluation, plots)
    if as_json:
        typer.echo(json.dumps(answer, indent=1, default=lambda rates: rates.model_dump()))
    else:
        print_evaluation(evaluation.figures, answer)


def _figures_of(classifier: Classifier, evaluation: "Evaluation") -> dict[str, Any]:
    from model.class_table import class_table, intervals  # noqa: PLC0415 - imports scikit-learn

    scored = (evaluation.labels, evaluation.probabilities)
    thresholds = {name: rates.threshold for name, rates in at_thresholds(evaluation.figures).items()}
    return {
        "version": classifier.card.version,
        **evaluation.figures.model_dump(),
        "refusals": {code.value: count for code, count in evaluation.refusals.items()},
        "per_class": {name: class_table(*scored, threshold) for name, threshold in thresholds.items()},
        "intervals_95": intervals(*scored, thresholds, evaluation.patients),
    }


def _keep_reference(root: Path, card: ModelCard, evaluation: "Evaluation") -> None:
    from model.reference import reference_of  # noqa: PLC0415 - imports scikit-learn

    write_card(root / card.version, card.model_copy(update={"reference": reference_of(evaluation)}))


def _perturbations_of(classifier: Classifier, evaluation: "Evaluation") -> list[dict[str, Any]]:
    from model.perturb import perturbation_rows  # noqa: PLC0415 - imports SciPy

    return [asdict(row) for row in perturbation_rows(classifier, evaluation)]


def _cues_of(classifier: Classifier, evaluation: "Evaluation") -> list[dict[str, Any]]:
    from model.cues import cue_rows  # noqa: PLC0415 - imports SciPy

    return [asdict(row) for row in cue_rows(classifier, [entry.image for entry in evaluation.scored])]


def _deletion_of(classifier: Classifier, images: list[LabelledImage]) -> dict[str, Any]:
    from model.saliency_deletion import deletion_test  # noqa: PLC0415 - imports scikit-learn

    return asdict(deletion_test(classifier, images))


def _plots_of(serving: GatedClassifier, evaluation: "Evaluation", folder: Path) -> list[str]:
    from model.plots import write_version_plots  # noqa: PLC0415 - imports matplotlib

    return [str(path) for path in write_version_plots(folder, serving, evaluation)]


@app.command("list")
def list_versions(weights: WeightsOption = None, as_json: JsonOption = False) -> None:
    """List the versions in the weights folder."""
    root = weights_root(weights)
    cards = [read_card(root / version) for version in available_versions(root)]
    if as_json:
        typer.echo(json.dumps([_summary(card) for card in cards], indent=1))
        return
    table = Table("version", "name", "recipe", "default operating point", "validation ROC AUC")
    for card in cards:
        table.add_row(*(cell(value) for value in _summary(card).values()))
    Console().print(table)


@app.command()
def card(
    version: Annotated[str | None, typer.Argument(help="Version [default: the shipped one].")] = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="A Markdown page instead of tables.")] = False,
) -> None:
    """Show a version's model card: what it is for, how it was made, its figures and its limits."""
    root = weights_root(weights)
    read = read_card(root / check_version(chosen_version(root, version)))
    if as_markdown:
        typer.echo(card_page(read), nl=False)
        return
    if as_json:
        typer.echo(read.model_dump_json(indent=1))
        return
    print_card(Console(), read)


def _summary(card: ModelCard) -> dict[str, Any]:
    return {
        "version": card.version,
        "name": card.name,
        "recipe": card.recipe.name if card.recipe else None,
        "default_operating_point": card.default_operating_point,
        "roc_auc": card.figures[0].roc_auc if card.figures else None,
    }
