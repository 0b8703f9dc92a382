"""`cxr-triage model export`: a version from a training run, or from a network of the user's own."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from admin.model_options import DataOption, WeightsOption, train_extra, weights_root
from admin.model_tables import print_card
from domain.errors import ConfigurationInvalid
from model.card_story import OwnNetwork, read_about
from model.dataset import discover
from model.preprocess import AREA, check_preprocess_version
from model.run_folder import RunFolder


def export(
    data: DataOption,
    version: Annotated[str, typer.Option(help="Name of the new version.")],
    run_dir: Annotated[Path | None, typer.Option("--run-dir", help="Folder of the training run.")] = None,
    keras_file: Annotated[
        Path | None,
        typer.Option(
            "--keras",
            help="Instead of a run: a Keras network made elsewhere, 150 x 150 x 1 -> probability of pneumonia. "
            "Calibrated and measured on all images of --data, which it must not have been trained on.",
        ),
    ] = None,
    about: Annotated[
        Path | None,
        typer.Option(help="With --keras: a JSON file with the words of the model card (docs/model.md has one)."),
    ] = None,
    preprocessing: Annotated[str, typer.Option(help="With --keras: what the network was trained on.")] = AREA,
    weights: WeightsOption = None,
) -> None:
    """Write a version that can serve: ONNX, calibration, operating points, figures, card."""
    if run_dir is not None and keras_file is not None:
        raise ConfigurationInvalid("give either --run-dir RUN, or --keras FILE together with --about FILE")
    with train_extra():
        from model.export import export_own, export_run  # noqa: PLC0415 - imports TensorFlow
    images, root = discover(data), weights_root(weights)
    with Console(stderr=True).status("Converting and measuring"):
        if run_dir is not None:
            card = export_run(RunFolder(run_dir), images, root, version)
        else:
            own = OwnNetwork(_given(keras_file), read_about(_given(about)), check_preprocess_version(preprocessing))
            card = export_own(own, images, root, version)
    print_card(Console(), card)


def _given(path: Path | None) -> Path:
    if path is None:
        raise ConfigurationInvalid("give either --run-dir RUN, or --keras FILE together with --about FILE")
    return path
