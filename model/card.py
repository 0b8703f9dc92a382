"""The model card: what a version of the weights is, is for, and was measured to do (card.json)."""

import hashlib
import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from domain.distribution import BINS, Reference
from domain.errors import ConfigurationInvalid
from domain.finding import OperatingPoint
from model.figures import Figures
from model.preprocess import check_preprocess_version
from model.run_folder import EpochRecord

CARD_FILE = "card.json"
ONNX_FILE = "network.onnx"
KERAS_FILE = "network.weights.h5"
PATIENTS_FILE = "patients.json"
GATE_FILE = "gate.npz"

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = r"^[0-9a-f]{64}$"
_POINT_KEYS = frozenset(field.name for field in fields(OperatingPoint))

Text = Annotated[str, Field(min_length=1)]


def check_version(version: str) -> str:
    """Give back a version's name; ConfigurationInvalid when it could not safely name a folder."""
    if not _VERSION.fullmatch(version):
        raise ConfigurationInvalid(f"a version is letters, digits, dots, dashes and underscores, not {version!r}")
    return version


def _exact_keys(value: Any) -> Any:  # noqa: ANN401 - runs before anything is known about the value
    if isinstance(value, dict) and set(value) != _POINT_KEYS:
        raise ValueError(f"an operating point has exactly the keys {', '.join(sorted(_POINT_KEYS))}")
    return value


def _within_range(point: OperatingPoint) -> OperatingPoint:
    for name in ("threshold", "sensitivity", "specificity"):
        if not 0.0 <= getattr(point, name) <= 1.0:
            raise ValueError(f"{name} is outside [0, 1]")
    return point


CardOperatingPoint = Annotated[OperatingPoint, BeforeValidator(_exact_keys), AfterValidator(_within_range)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Population(_Part):
    """Whom the network may be used on."""

    #: Completed years, both ends included: five means up to the sixth birthday.
    age_years_min: float = Field(ge=0.0)
    age_years_max: float = Field(ge=0.0)
    text: Text


class TrainingData(_Part):
    """What the weights were made from."""

    name: Text
    doi: Text
    licence: Text
    training_images: int = Field(ge=1)
    training_patients: int = Field(ge=1)
    text: Text


class Patients(_Part):
    """Pseudonyms of the patients that a version was made with (patients.json)."""

    training: tuple[Text, ...]
    validation: tuple[Text, ...]


class RecipeRecord(_Part):
    """How the weights were made here."""

    name: Text
    seed: int
    epochs: int = Field(ge=1)
    #: Whose weights were kept, counted from 1.
    best_epoch: int = Field(ge=1)
    tensorflow_version: Text
    keras_version: Text


class Conversion(_Part):
    """How far ONNX Runtime's answers are from Keras's on the validation images, at most."""

    #: Of the probability.
    probability_difference: float = Field(ge=0.0)
    #: Of the heat map at any pixel; where the heat exceeds 1, as a share of the image's hottest.
    heat_map_difference: float = Field(ge=0.0)


class Calibration(_Part):
    """Calibrated probability = sigmoid(logit / temperature + bias)."""

    type: Literal["temperature_bias"]
    temperature: float = Field(gt=0.0, allow_inf_nan=False)
    bias: float = Field(allow_inf_nan=False)
    fitted_on: Text

    def apply(self, logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Give the calibrated probabilities (N,) of logits (N,), without overflow."""
        probabilities: npt.NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -(logits / self.temperature + self.bias)))
        return probabilities


class ProbabilityReference(_Part):
    """How the probabilities are spread on images whose truth is known: counts in ten bins from 0 to 1, by class."""

    #: What was scored, in words.
    data_set: Text
    normal: tuple[int, ...] = Field(min_length=BINS, max_length=BINS)
    pneumonia: tuple[int, ...] = Field(min_length=BINS, max_length=BINS)

    @model_validator(mode="after")
    def _hold_both_classes(self) -> "ProbabilityReference":
        if min(*self.normal, *self.pneumonia) < 0 or not sum(self.normal) or not sum(self.pneumonia):
            raise ValueError("a reference counts images of both classes")
        return self

    @property
    def spread(self) -> Reference:
        """The counts, to calculate with."""
        return Reference(self.normal, self.pneumonia)


class ModelCard(_Part):
    """Everything that is known about one version."""

    name: Text
    version: Text
    manufacturer: Text
    #: Name of the finding's code in the report.
    finding: Text
    parameters: int = Field(ge=1)
    preprocess_version: Text
    #: File name -> sha256, in lower-case hexadecimal.
    files: dict[Text, Annotated[str, Field(pattern=_SHA256)]]
    population: Population
    training_data: TrainingData
    #: Of the weights.
    licence: Text
    intended_use: Text
    limits: tuple[Text, ...] = Field(min_length=1)
    #: None: made elsewhere.
    recipe: RecipeRecord | None
    conversion: Conversion
    #: In neither training nor validation.
    excluded_patients: tuple[Text, ...]
    calibration: Calibration
    operating_points: tuple[CardOperatingPoint, ...] = Field(min_length=1)
    default_operating_point: Text
    figures: tuple[Figures, ...]
    #: None: made before it was kept.
    reference: ProbabilityReference | None = None
    #: Empty: made elsewhere.
    curve: tuple[EpochRecord, ...]

    @model_validator(mode="after")
    def _refer_to_what_exists(self) -> "ModelCard":
        names = [point.name for point in self.operating_points]
        if len(set(names)) != len(names):
            raise ValueError("two operating points share a name")
        if self.default_operating_point not in names:
            raise ValueError(f"default_operating_point is none of {', '.join(names)}")
        if ONNX_FILE not in self.files:
            raise ValueError(f"files lacks {ONNX_FILE}")
        if any(Path(name).name != name for name in self.files):
            raise ValueError("files names something outside the version's folder")
        return self

    def operating_point(self, name: str | None = None) -> OperatingPoint:
        """Give an operating point by name, or the default one; ConfigurationInvalid names those there are."""
        wanted = self.default_operating_point if name is None else name
        for point in self.operating_points:
            if point.name == wanted:
                return point
        known = ", ".join(point.name for point in self.operating_points)
        raise ConfigurationInvalid(f"model {self.version} has no operating point {wanted!r}; it has: {known}")


def read_card(folder: Path) -> ModelCard:
    """Read and check the card of one version's folder, without its other files.

    ConfigurationInvalid says which file and which key.
    """
    path = folder / CARD_FILE
    try:
        card = ModelCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationInvalid(f"no model card at {path}") from error
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'card'}: {e['msg']}" for e in error.errors())
        raise ConfigurationInvalid(f"{path} is no valid model card: {reasons}") from error
    if card.version != folder.name:
        raise ConfigurationInvalid(f"{path} describes version {card.version!r}, not {folder.name!r}")
    check_preprocess_version(card.preprocess_version)
    return card


def read_patients(folder: Path, card: ModelCard) -> Patients:
    """Read the patients of a version, whose files are checked; ConfigurationInvalid when they are not recorded."""
    try:
        return Patients.model_validate_json(verified_files(folder, card)[PATIENTS_FILE])
    except (KeyError, ValidationError) as error:
        raise ConfigurationInvalid(f"model {card.version} does not say which patients it was trained on") from error


def write_card(folder: Path, card: ModelCard) -> None:
    """Write card.json."""
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def verified_files(folder: Path, card: ModelCard) -> dict[str, bytes]:
    """Read every file that the card names; ConfigurationInvalid says which is missing or altered."""
    contents = {}
    for name, expected in card.files.items():
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            raise ConfigurationInvalid(f"model {card.version} lacks {folder / name}") from error
        if sha256(contents[name]) != expected:
            raise ConfigurationInvalid(
                f"{folder / name} is not the file that the model card describes (sha256 differs)"
            )
    return contents


def sha256(content: bytes) -> str:
    """Give the SHA-256 of bytes in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()
