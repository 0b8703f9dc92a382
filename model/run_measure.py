"""A finished run by ONNX Runtime; figures of one whose validation was for nothing but measuring.

Thresholds then come from other patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.errors import ConfigurationInvalid
from model.calibrate import DEFAULT_OPERATING_POINT, choose_operating_points, fit_calibration
from model.classifier import OnnxNetwork
from model.dataset import LabelledImage, load_tensors, of_patients
from model.figures import Figures
from model.measure import Labels, Probabilities, measure
from model.network import build_network
from model.onnx_export import to_onnx
from model.plots import write_measured_plots
from model.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class RunMeasurement:
    """The figures of a run, and what they were made from."""

    figures: Figures
    #: (N,) of 0 (normal) and 1 (pneumonia).
    labels: Labels
    #: (N,), calibrated, in [0, 1].
    probabilities: Probabilities
    #: Patient of each image.
    patients: tuple[str, ...]


def network_of(run: RunFolder) -> OnnxNetwork:
    """Convert the best weights of a run; ConfigurationInvalid when it is not finished."""
    epochs, history = run.read_description().epochs, run.read_history()
    if len(history) < epochs or not run.best_weights.exists():
        raise ConfigurationInvalid(f"{run.path} ended after {len(history)} of {epochs} epochs: resume it")
    network = build_network()
    network.load_weights(run.best_weights)
    return OnnxNetwork.from_bytes(to_onnx(network))


def measure_run(run: RunFolder, images: Sequence[LabelledImage]) -> RunMeasurement:
    """Measure a finished run's best weights, by ONNX Runtime and the live preprocessing, on its validation images.

    Calibration and operating points are fitted on patients that are neither in training nor in validation.
    ConfigurationInvalid when the run is not finished, has no such patients, or the data lack them.
    """
    description = run.read_description()
    if not description.calibration_patients:
        raise ConfigurationInvalid(f"{run.path} kept no patients to calibrate on: `model export` measures such a run")
    served = network_of(run)
    calibrating = of_patients(images, set(description.calibration_patients))
    tensors, labels = load_tensors(calibrating, description.preprocess_version)
    truth, logits = labels.astype(np.int64), served.logits(tensors)
    chosen_on = f"{len(calibrating)} images of {len(description.calibration_patients)} other patients"
    calibration = fit_calibration(truth, logits, measured_on=chosen_on)
    points = choose_operating_points(truth, calibration.apply(logits), measured_on=chosen_on)
    measured = of_patients(images, set(description.validation_patients))
    tensors, labels = load_tensors(measured, description.preprocess_version)
    truth, probabilities = labels.astype(np.int64), calibration.apply(served.logits(tensors))
    data_set = (
        f"{description.hold_out}: {len(measured)} images of {len(description.validation_patients)} patients; "
        f"calibrated on {chosen_on}"
    )
    figures = measure(truth, probabilities, data_set=data_set, operating_points=points)
    return RunMeasurement(figures, truth, probabilities, tuple(image.patient for image in measured))


def measure_and_plot(run: RunFolder, images: Sequence[LabelledImage]) -> Figures:
    """Measure as `measure_run` does, and leave the plots in the run's folder."""
    measured = measure_run(run, images)
    write_measured_plots(run.path, measured, point=DEFAULT_OPERATING_POINT, source=run.read_description().hold_out)
    return measured.figures
