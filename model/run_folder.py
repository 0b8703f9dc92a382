"""What a training run leaves on disk: enough to resume it, to export it and to say how it came about.

run.json           recipe, seed, data, split, versions: fixed when the run starts
history.json/.csv  one record an epoch
*.png              plots of the above, and of what was measured: see model.plots
best.weights.h5    the weights of the best validation accuracy
checkpoint.keras   network and optimiser after the last whole epoch
"""

import csv
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.errors import ConfigurationInvalid


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch measured; accuracies are at 0.5, uncalibrated."""

    #: Counted from 1.
    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    val_auc: float
    #: That the epoch was trained with.
    learning_rate: float
    seconds: float
    #: State of the plateau rule after this epoch, so that a resumed run goes on alike.
    plateau_best: float
    plateau_wait: int


class RunDescription(BaseModel):
    """The fixed facts of a run (run.json)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    seed: int
    epochs: int
    validation_share: float
    #: What validation is made of: see model.validation.HoldOut.
    hold_out: str = "patients"
    #: Patients kept out of training and validation.
    excluded_patients: tuple[str, ...]
    training_images: int
    validation_images: int
    training_patients: tuple[str, ...]
    validation_patients: tuple[str, ...]
    #: Kept out of training to calibrate on, where validation is not for that.
    calibration_patients: tuple[str, ...] = ()
    preprocess_version: str
    tensorflow_version: str
    keras_version: str


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One training run's folder."""

    path: Path

    @property
    def best_weights(self) -> Path:
        """The weights of the best validation accuracy so far."""
        return self.path / "best.weights.h5"

    @property
    def checkpoint(self) -> Path:
        """The whole state of the network and its optimiser after the last epoch."""
        return self.path / "checkpoint.keras"

    @property
    def robust_checkpoint(self) -> Path:
        """The same for recipe "robust", whose optimiser is its own."""
        return self.path / "checkpoint.npz"

    @property
    def is_started(self) -> bool:
        """Whether a run has been described here."""
        return self._description.exists()

    @property
    def _description(self) -> Path:
        return self.path / "run.json"

    @property
    def _history(self) -> Path:
        return self.path / "history.json"

    def write_description(self, description: RunDescription) -> None:
        """Write run.json, making the folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_text(self._description, description.model_dump_json(indent=1) + "\n")

    def read_description(self) -> RunDescription:
        """Read run.json; ConfigurationInvalid when it is missing or is not one."""
        try:
            return RunDescription.model_validate_json(self._description.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise ConfigurationInvalid(f"{self.path} is no training run: {error}") from error

    def write_history(self, history: list[EpochRecord]) -> None:
        """Write history.json and its twin history.csv."""
        rows = [asdict(record) for record in history]
        replace_text(self._history, json.dumps(rows, indent=1) + "\n")
        with (self.path / "history.csv").open("w", newline="", encoding="utf-8") as table:
            writer = csv.DictWriter(table, [field.name for field in fields(EpochRecord)])
            writer.writeheader()
            writer.writerows(rows)

    def read_history(self) -> list[EpochRecord]:
        """Read the epochs so far: empty before the first one's end."""
        if not self._history.exists():
            return []
        try:
            return [EpochRecord(**row) for row in json.loads(self._history.read_text(encoding="utf-8"))]
        except (ValueError, TypeError) as error:
            raise ConfigurationInvalid(f"{self._history} is damaged: {error}") from error

    def clear(self) -> None:
        """Forget an earlier run in this folder; other files in it are left alone."""
        files = (self._description, self._history, self.path / "history.csv", self.best_weights, self.checkpoint)
        for path in (*files, self.robust_checkpoint):
            path.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write text so that a cut leaves either the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
