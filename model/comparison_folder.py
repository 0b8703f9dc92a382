"""What a comparison leaves on disk: one file a method, so that a comparison that was cut goes on.

DIR/<hold-out>/<preprocessing>/<method>.json
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.errors import ConfigurationInvalid
from model.comparison import Compared, Comparison
from model.run_folder import replace_text


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    #: See Comparison.identity.
    identity: dict[str, str | int]
    row: Compared


@dataclass(frozen=True, slots=True)
class ComparisonFolder:
    """The rows of one comparison."""

    path: Path
    comparison: Comparison

    @classmethod
    def below(cls, root: Path, comparison: Comparison) -> "ComparisonFolder":
        """Give the folder of one way to hold out and one input, below the folder of all comparisons."""
        return cls(root / comparison.hold_out.value / comparison.preprocess_version, comparison)

    def read(self, name: str, setting: str) -> Compared | None:
        """Read a method's row, None when it, or what is asked for of it, was not measured yet.

        ConfigurationInvalid when the file is damaged, or was measured on other images or with another setting.
        """
        path = self._file(name)
        if not path.exists():
            return None
        try:
            kept = _Kept.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ConfigurationInvalid(f"{path} holds no figures of a comparison ({type(error).__name__})") from error
        if kept.identity != self.comparison.identity or kept.row.setting != setting:
            raise ConfigurationInvalid(
                f"{path} holds another comparison (images, seed or setting differ): "
                "name another --run-dir, or measure anew by --no-resume"
            )
        return kept.row if kept.row.perturbations or not self.comparison.perturbed else None

    def write(self, row: Compared) -> None:
        """Keep a method's row, whole or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        kept = _Kept(identity=self.comparison.identity, row=row)
        replace_text(self._file(row.name), kept.model_dump_json(indent=1) + "\n")

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.json"
