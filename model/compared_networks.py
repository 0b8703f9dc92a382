"""Rows of the comparison for the network itself: from a training run, or from a version."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.errors import ConfigurationInvalid
from model.calibrate import fit_calibration
from model.card import Calibration, read_patients
from model.classifier import Classifier, OnnxNetwork
from model.comparison import Compared, Comparison, in_words, milliseconds_an_image, perturbations_of
from model.dataset import LabelledImage, load_tensors, of_patients
from model.measure import measure
from model.run_folder import EpochRecord, RunFolder
from model.run_measure import network_of

_FLATTERS = "the validation images themselves, which flatters"


@dataclass(frozen=True, slots=True)
class _Served:
    """A network ready to be measured, and where it comes from."""

    name: str
    setting: str
    network: OnnxNetwork
    calibration: Calibration
    preprocess_version: str
    curve: Sequence[EpochRecord]


def compare_run(name: str, run: RunFolder, images: Sequence[LabelledImage], comparison: Comparison) -> Compared:
    """Measure a finished run that validated on the comparison's images.

    A run that validated on patients at random kept no others: it is calibrated on what it is measured on, as its
    version would be. ConfigurationInvalid when it is not finished, or validated on other images.
    """
    description = run.read_description()
    _check_validated_on(name, description.validation_patients, comparison)
    network = network_of(run)
    if description.calibration_patients:
        calibrating = of_patients(images, set(description.calibration_patients))
        chosen_on = f"{in_words(calibrating)} that were not trained on"
    else:
        calibrating, chosen_on = list(comparison.split.validation), _FLATTERS
    tensors, labels = load_tensors(calibrating, description.preprocess_version)
    calibration = fit_calibration(labels.astype(np.int64), network.logits(tensors), measured_on=chosen_on)
    setting = f"the paper's network by recipe {description.recipe}, input {description.preprocess_version}"
    served = _Served(name, setting, network, calibration, description.preprocess_version, run.read_history())
    return _measure(served, chosen_on, comparison)


def compare_version(weights_root: Path, version: str, comparison: Comparison) -> Compared:
    """Measure a version's network, without its input gate, so that all rows are of the same images.

    ConfigurationInvalid when it was validated on other images: it may have been trained on these.
    """
    classifier = Classifier.load(weights_root, version)
    card = classifier.card
    _check_validated_on(version, read_patients(weights_root / version, card).validation, comparison)
    recipe = f"by recipe {card.recipe.name}" if card.recipe else "made elsewhere"
    setting = f"version {version}, {recipe}, input {card.preprocess_version}"
    served = _Served(version, setting, classifier.network, card.calibration, card.preprocess_version, card.curve)
    return _measure(served, _FLATTERS, comparison)


def validated_alike(weights_root: Path, version: str, comparison: Comparison) -> bool:
    """Whether a version's validation patients are the comparison's; ConfigurationInvalid as `read_patients`."""
    card = Classifier.load(weights_root, version).card
    return _are_validated(read_patients(weights_root / version, card).validation, comparison)


def _are_validated(patients: Iterable[str], comparison: Comparison) -> bool:
    return set(patients) == {image.patient for image in comparison.split.validation}


def _check_validated_on(name: str, patients: Iterable[str], comparison: Comparison) -> None:
    if not _are_validated(patients, comparison):
        raise ConfigurationInvalid(
            f"{name} was not validated on the images of --hold-out {comparison.hold_out.value}: "
            "it may have been trained on some of them"
        )


def _measure(served: _Served, calibrated_on: str, comparison: Comparison) -> Compared:
    tensors, labels = load_tensors(comparison.split.validation, served.preprocess_version)
    probabilities = served.calibration.apply(served.network.logits(tensors))
    return Compared(
        name=served.name,
        setting=served.setting,
        fit_seconds=float(sum(record.seconds for record in served.curve)),
        milliseconds=milliseconds_an_image(served.network.logits, tensors),
        calibrated_on=calibrated_on,
        figures=measure(labels.astype(np.int64), probabilities, data_set=comparison.data_set),
        perturbations=perturbations_of(
            served.network.logits, served.calibration, comparison, served.preprocess_version
        ),
    )
