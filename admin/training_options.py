"""What the commands that train have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from model.run_folder import EpochRecord
from model.train_progress import Progress

#: Keeps whole patients out of training and validation: those whose X-rays the demonstration shows.
SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "samples.json"
DEFAULT_SEED = 20190
VALIDATION_SHARE = 0.1

RecipeOption = Annotated[str, typer.Option(help="Training recipe.")]
EpochsOption = Annotated[int | None, typer.Option(min=1, help="Epochs [default: the recipe's].")]
SeedOption = Annotated[int, typer.Option(min=0, help="Of the split, the start weights and the augmentation.")]
ExcludeOption = Annotated[
    Path,
    typer.Option("--exclude-patients-of", help="A samples.json whose patients are in neither training nor validation."),
]


@contextmanager
def training_progress(console: Console, epochs: int) -> Iterator[Progress]:
    """Show a bar for the epoch and a line after each."""
    bar = ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task("reading images", total=None)

        def on_step(epoch: int, step: int, steps: int) -> None:
            bar.update(task, description=f"epoch {epoch}/{epochs}", completed=step, total=steps)

        def on_epoch(record: EpochRecord) -> None:
            console.print(
                f"epoch {record.epoch}: loss {record.loss:.3f}, validation loss {record.val_loss:.3f}, "
                f"accuracy {record.val_accuracy:.3f}, ROC AUC {record.val_auc:.3f}, {record.seconds:.0f} s"
            )

        yield Progress(on_step, on_epoch)
