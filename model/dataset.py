"""The labelled images of a data folder, their patients, and a split that never divides a patient."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid, NotAnalysable
from model.area import SIDE
from model.image_file import read_image
from model.preprocess import preprocess

#: Folder name -> label; 1 is the finding.
CLASSES = {"NORMAL": 0, "PNEUMONIA": 1}
_SUFFIXES = frozenset({".jpeg", ".jpg", ".png"})
#: person1000_bacteria_2931 -> person1000; IM-0115-0001 -> IM-0115; NORMAL2-IM-0435-0001 -> NORMAL2-IM-0435.
_PATIENT = re.compile(r"(?:(person\d+)_|((?:NORMAL2-)?IM-\d+)-)")
_READERS = 2


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image file with its truth."""

    path: Path
    #: 1 = pneumonia, 0 = normal.
    label: int
    #: The data set's own pseudonym of the patient.
    patient: str


@dataclass(frozen=True, slots=True)
class Split:
    """Images by use; no patient has two."""

    training: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...]
    #: Where validation is not for choosing thresholds on; empty where it is.
    calibration: tuple[LabelledImage, ...] = ()


def patient_of(file_name: str) -> str:
    """Read the patient's pseudonym from a file name; ConfigurationInvalid when there is none."""
    match = _PATIENT.match(file_name)
    if match is None:
        raise ConfigurationInvalid(f"no patient in the file name {file_name!r}")
    return match.group(1) or match.group(2)


def holds_training_data(data: Path) -> bool:
    """Whether this is the folder of the training data, rather than a folder of other labelled images."""
    return (data / "train").is_dir()


def discover(data: Path) -> list[LabelledImage]:
    """List the images of `data`/train, or of `data` itself, in NORMAL and PNEUMONIA, sorted by name.

    Outside the training data a file without a patient in its name is a patient of its own.
    ConfigurationInvalid when a class folder is missing or empty.
    """
    training = holds_training_data(data)
    root = data / "train" if training else data
    images = []
    for folder, label in CLASSES.items():
        found = sorted(path for path in (root / folder).glob("*") if path.suffix.lower() in _SUFFIXES)
        if not found:
            raise ConfigurationInvalid(f"no images in {root / folder}")
        images += [LabelledImage(path, label, _patient(path, must_be_named=training)) for path in found]
    return images


def _patient(path: Path, *, must_be_named: bool) -> str:
    if must_be_named or _PATIENT.match(path.name):
        return patient_of(path.name)
    return path.stem


def of_patients(images: Iterable[LabelledImage], patients: Collection[str]) -> list[LabelledImage]:
    """Keep the images of these patients; ConfigurationInvalid when there are none."""
    kept = [image for image in images if image.patient in patients]
    if not kept:
        raise ConfigurationInvalid("the data folder holds no image of the patients asked for")
    return kept


def patients_of_samples(listing: Path) -> tuple[str, ...]:
    """Read the patients of a samples.json, sorted: they belong to neither training nor validation."""
    try:
        entries = json.loads(listing.read_text(encoding="utf-8"))
        return tuple(sorted({str(entry["patient"]) for entry in entries}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationInvalid(f"{listing} is no list of samples with patients: {error}") from error


def split_by_patient(
    images: Iterable[LabelledImage], *, seed: int, share: float, excluded: Collection[str] = ()
) -> Split:
    """Split images so that `share` of each class is validation, whole patients at a time.

    Depends on names and seed only, not on the order given. A patient with images in both classes goes where the
    first class sends it. ConfigurationInvalid when exclusion leaves nothing.
    """
    kept = sorted((image for image in images if image.patient not in excluded), key=lambda image: image.path.name)
    if not kept:
        raise ConfigurationInvalid("no images left to train on once the excluded patients are out")
    held_out: set[str] = set()
    decided: set[str] = set()
    for label in CLASSES.values():
        of_class = [image for image in kept if image.label == label]
        chosen = _choose_patients([image.patient for image in of_class], decided, np.random.default_rng(seed), share)
        held_out |= chosen
        decided |= {image.patient for image in of_class}
    return Split(
        training=tuple(image for image in kept if image.patient not in held_out),
        validation=tuple(image for image in kept if image.patient in held_out),
    )


def _choose_patients(
    patients: Sequence[str], decided: Collection[str], rng: np.random.Generator, share: float
) -> set[str]:
    """Draw patients until their images make up `share` of the class; `patients` has one entry an image."""
    names, counts = np.unique(np.asarray(patients, dtype=str), return_counts=True)
    wanted = share * len(patients)
    chosen: set[str] = set()
    taken = 0
    for position in rng.permutation(len(names)):
        if taken >= wanted:
            break
        if str(names[position]) not in decided:
            chosen.add(str(names[position]))
            taken += int(counts[position])
    return chosen


def load_tensors(
    images: Sequence[LabelledImage], version: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Read all images and preprocess them by a version of `model.preprocess`, once.

    Returns tensors (N, 150, 150, 1) in [0, 1] and labels (N,), both float32: 90 kB an image, so the whole set stays
    in memory and no disk cache is needed (1.5 ms an image to make again). ConfigurationInvalid names an image that
    cannot be used.
    """
    tensors = np.empty((len(images), SIDE, SIDE, 1), np.float32)

    def fill(position: int) -> None:
        path = images[position].path
        try:
            tensors[position] = preprocess(read_image(path), version)
        except NotAnalysable as refusal:
            raise ConfigurationInvalid(f"{path.name}: {refusal}") from refusal

    with ThreadPoolExecutor(_READERS) as readers:
        for _ in readers.map(fill, range(len(images))):
            pass
    return tensors, np.array([image.label for image in images], np.float32)
