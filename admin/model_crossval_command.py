"""`cxr-triage model crossval` and `holdout`: figures on patients that nothing was chosen on."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from admin.model_options import DataOption, JsonOption, RunOption, train_extra
from admin.model_tables import figures_table
from admin.output import print_table
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
from model.dataset import discover, patients_of_samples
from model.recipe import find_recipe
from model.run_folder import RunFolder


def holdout(data: DataOption, run_dir: RunOption, as_json: JsonOption = False) -> None:
    """Measure a run that was trained with --hold-out on its block, with thresholds from other patients."""
    with train_extra():
        from model.run_measure import measure_and_plot  # noqa: PLC0415 - imports TensorFlow
    with Console(stderr=True).status("Measuring"):
        figures = measure_and_plot(RunFolder(run_dir), discover(data))
    if as_json:
        typer.echo(figures.model_dump_json(indent=1))
    else:
        Console().print(figures_table(figures))


def crossval(
    data: DataOption,
    run_dir: Annotated[Path, typer.Option("--run-dir", help="Folder of the runs, one below it for each fold.")],
    recipe: RecipeOption = "paper",
    count: Annotated[int, typer.Option("--folds", min=2, help="Folds.")] = 5,
    epochs: EpochsOption = None,
    seed: SeedOption = DEFAULT_SEED,
    exclude_patients_of: ExcludeOption = SAMPLES,
    as_json: JsonOption = False,
) -> None:
    """Train and measure by cross-validation, stratified, whole patients at a time; goes on where it was cut."""
    with train_extra():
        from model import crossval as folding  # noqa: PLC0415 - imports scikit-learn
        from model import train as training  # noqa: PLC0415 - imports TensorFlow
        from model.run_measure import measure_and_plot  # noqa: PLC0415 - the same
    chosen, excluded, images = find_recipe(recipe), patients_of_samples(exclude_patients_of), discover(data)
    console, figures = Console(stderr=True), []
    splits = folding.folds(images, count, seed=seed, share=VALIDATION_SHARE, excluded=excluded)
    for number, split in enumerate(splits, start=1):
        run = RunFolder(run_dir / f"fold-{number}")
        description = training.describe_run(
            split,
            chosen,
            seed=seed,
            epochs=chosen.epochs if epochs is None else epochs,
            share=VALIDATION_SHARE,
            excluded=excluded,
            hold_out=f"fold {number} of {count}",
        )
        console.print(f"fold {number} of {count}, in {run.path}")
        with training_progress(console, description.epochs) as progress:
            training.train(split, chosen, run, description, progress)
        figures.append(measure_and_plot(run, images))
    spread = folding.spread(figures)
    if as_json:
        plain = {where: {name: asdict(one) for name, one in rows.items()} for where, rows in spread.items()}
        typer.echo(json.dumps({"folds": [one.model_dump() for one in figures], "spread": plain}, indent=1))
        return
    for where, rows in spread.items():
        columns = (where, "mean", "deviation", "least", "most")
        print_table(columns, [(name, *asdict(one).values()) for name, one in rows.items()])
