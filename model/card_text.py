"""What the card of a version trained here says in words, and the card made from a run."""

from collections.abc import Sequence

from domain.finding import OperatingPoint
from model.card import Calibration, ModelCard, Population, RecipeRecord, TrainingData
from model.run_folder import EpochRecord, RunDescription

#: Triage would rather raise a normal study than leave a pneumonia waiting.
_DEFAULT_OPERATING_POINT = "high_sensitivity"

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


def card_of(
    version: str,
    description: RunDescription,
    *,
    parameters: int,
    recipe: RecipeRecord,
    curve: Sequence[EpochRecord],
    files: dict[str, str],
    calibration: Calibration,
    operating_points: tuple[OperatingPoint, ...],
) -> ModelCard:
    """Make the card of a run on the Guangzhou images; its figures are still empty."""
    return ModelCard(
        name="pneumonia-cnn",
        version=version,
        manufacturer="cxr-triage",
        finding="pneumonia",
        parameters=parameters,
        preprocess_version=description.preprocess_version,
        files=files,
        population=_POPULATION,
        training_data=_training_data(description),
        licence="Apache-2.0",
        intended_use=_INTENDED_USE,
        limits=_LIMITS,
        recipe=recipe,
        excluded_patients=description.excluded_patients,
        calibration=calibration,
        operating_points=operating_points,
        default_operating_point=_DEFAULT_OPERATING_POINT,
        figures=(),
        curve=tuple(curve),
    )


def _training_data(description: RunDescription) -> TrainingData:
    return TrainingData(
        name="Kermany, Zhang, Goldbaum: Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for "
        "Classification, Mendeley Data V2",
        doi="10.17632/rscbjbr9sj.2",
        licence="CC BY 4.0",
        training_images=description.training_images,
        training_patients=len(description.training_patients),
        validation_images=description.validation_images,
        validation_patients=len(description.validation_patients),
        text="The official train split at 224 x 224 pixels, split by patient; the patients of the sample X-rays are in "
        "neither part. The official test split was not used.",
    )
