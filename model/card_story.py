"""What only the maker of a network can say of it: the part of the model card that nothing here measures."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import ConfigurationInvalid
from model.card import Population, RecipeRecord, Text, TrainingData
from model.run_folder import EpochRecord, RunDescription


class AboutNetwork(BaseModel):
    """The words of a card; as a JSON file for a network that was made elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Text
    manufacturer: Text
    population: Population
    training_data: TrainingData
    #: Of the weights.
    licence: Text
    intended_use: Text
    limits: tuple[Text, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """A network that was made elsewhere."""

    #: A whole Keras network, .keras or .h5.
    file: Path
    about: AboutNetwork
    #: What it was trained on: see model.preprocess.
    preprocess_version: str


class Story(BaseModel):
    """The words, and where the weights come from."""

    model_config = ConfigDict(frozen=True)

    about: AboutNetwork
    recipe: RecipeRecord | None = None
    excluded_patients: tuple[str, ...] = ()
    curve: tuple[EpochRecord, ...] = ()


_POPULATION = Population(
    age_years_min=1.0,
    age_years_max=5.0,
    text="Children aged one to five, frontal (mostly anterior-posterior) chest radiographs, one hospital in Guangzhou",
)
_INTENDED_USE = (
    "Research and engineering: to order a reading worklist by suspicion of pneumonia. Not a medical device, not for "
    "diagnosis; a study below the operating point is not a study without pneumonia."
)
_LIMITS = (
    "Chosen, calibrated and measured on the same validation images: the figures flatter.",
    "A random split of one collection flatters as well: sharpness alone separates its classes (ROC AUC 0.93).",
    "Images acquired otherwise may be misread, mostly normals called pneumonia.",
    "Probabilities are calibrated to the validation images, three quarters of them pneumonia: elsewhere too high.",
    "Nothing is known about adults, about lateral views, and about findings other than pneumonia.",
)


def read_about(path: Path) -> AboutNetwork:
    """Read the words about a network from a JSON file; ConfigurationInvalid says which key is wrong."""
    try:
        return AboutNetwork.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationInvalid(f"{path} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigurationInvalid(f"{path} does not describe a network: {reasons}") from error


def about_guangzhou(description: RunDescription) -> AboutNetwork:
    """Give the words of a network that was trained here, on the Guangzhou images."""
    data = TrainingData(
        name="Kermany, Zhang, Goldbaum: Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for "
        "Classification, Mendeley Data V2",
        doi="10.17632/rscbjbr9sj.2",
        licence="CC BY 4.0",
        training_images=description.training_images,
        training_patients=len(description.training_patients),
        text="The official train split at 224 x 224 pixels, split by patient; the patients of the sample X-rays are in "
        "neither part. The official test split was not used.",
    )
    return AboutNetwork(
        name="pneumonia-cnn",
        manufacturer="cxr-triage",
        population=_POPULATION,
        training_data=data,
        licence="Apache-2.0",
        intended_use=_INTENDED_USE,
        limits=_LIMITS,
    )
