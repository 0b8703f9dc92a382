import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from domain.errors import ConfigurationInvalid
from model.dataset import LabelledImage, discover, load_tensors, of_patients, patient_of, patients_of_samples
from model.dataset import split_by_patient as split
from model.preprocess import AREA


def _images(patients: int = 120, normals: int = 60) -> list[LabelledImage]:
    """Synthetic names as in the data set: up to four images a patient with pneumonia, up to two a normal."""
    names = [(f"person{n}_bacteria_{n * 10 + k}.jpeg", 1) for n in range(patients) for k in range(1 + n % 4)]
    names += [(f"IM-{n:04}-0001-000{k}.jpeg", 0) for n in range(normals) for k in range(1 + n % 2)]
    names += [(f"NORMAL2-IM-{n:04}-0001.jpeg", 0) for n in range(normals)]
    return [LabelledImage(Path(name), label, patient_of(name)) for name, label in names]


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("person1000_bacteria_2931.jpeg", "person1000"),
        ("person1_virus_6.jpeg", "person1"),
        ("IM-0115-0001.jpeg", "IM-0115"),
        ("IM-0620-0001-0002.jpeg", "IM-0620"),
        ("NORMAL2-IM-0435-0001.jpeg", "NORMAL2-IM-0435"),
    ],
)
def test_patient_is_read_from_the_name(name: str, patient: str) -> None:
    """The patient is what stands before the first image number."""
    assert patient_of(name) == patient


def test_name_without_patient_is_an_error() -> None:
    """A file whose patient is unknown cannot be split by patient."""
    with pytest.raises(ConfigurationInvalid, match=r"holiday\.jpeg"):
        patient_of("holiday.jpeg")


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_is_on_both_sides(seed: int) -> None:
    """Whatever the seed, training and validation share no patient and lose no image."""
    images = _images()
    parts = split(images, seed=seed, share=0.1)
    assert not {i.patient for i in parts.training} & {i.patient for i in parts.validation}
    assert len(parts.training) + len(parts.validation) == len(images)


def test_patient_in_both_classes_stays_whole() -> None:
    """A patient with a normal and a pneumonia image is still on one side, and the normals keep their share."""
    images = [*_images(), *(LabelledImage(Path(f"person{n}_x_9.jpeg"), 0, f"person{n}") for n in range(120))]
    parts = split(images, seed=1, share=0.3)
    assert not {i.patient for i in parts.training} & {i.patient for i in parts.validation}
    normals = [image for image in images if image.label == 0]
    assert 0.3 * len(normals) <= sum(image.label == 0 for image in parts.validation) < 0.3 * len(normals) + 2


@pytest.mark.parametrize("label", [0, 1])
def test_each_class_gives_its_share(label: int) -> None:
    """Validation holds the share of each class, to within one patient."""
    images = _images()
    parts = split(images, seed=3, share=0.1)
    of_class = sum(image.label == label for image in images)
    held_out = sum(image.label == label for image in parts.validation)
    assert 0.1 * of_class <= held_out < 0.1 * of_class + 4


def test_split_depends_on_seed_alone() -> None:
    """The same seed gives the same split in any order of files; another seed gives another."""
    images = _images()
    assert split(images, seed=5, share=0.1) == split(images[::-1], seed=5, share=0.1)
    assert split(images, seed=5, share=0.1) != split(images, seed=6, share=0.1)


def test_excluded_patients_are_on_neither_side() -> None:
    """Every image of an excluded patient is left out."""
    parts = split(_images(), seed=5, share=0.1, excluded=("person3", "IM-0001"))
    assert not {"person3", "IM-0001"} & {image.patient for image in (*parts.training, *parts.validation)}


def test_patients_of_samples_are_read(tmp_path: Path) -> None:
    """The exclusion list is the distinct patients of a samples.json."""
    listing = tmp_path / "samples.json"
    listing.write_text(json.dumps([{"patient": "b"}, {"patient": "a"}, {"patient": "b"}]))
    assert patients_of_samples(listing) == ("a", "b")


@pytest.mark.parametrize("text", ["", "{}x", '[{"file": "a"}]', "[1]"])
def test_bad_samples_list_is_an_error(tmp_path: Path, text: str) -> None:
    """A list of samples without patients stops the start, so that none slips into training."""
    listing = tmp_path / "samples.json"
    listing.write_text(text)
    with pytest.raises(ConfigurationInvalid, match=r"samples\.json"):
        patients_of_samples(listing)


def _write(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    for name in names:
        Image.fromarray(ramp).save(folder / name)


def test_discover_finds_both_classes_under_train(tmp_path: Path) -> None:
    """Images are found by class folder, sorted, other files are not."""
    _write(tmp_path / "train" / "NORMAL", "IM-0002-0001.jpeg", "IM-0001-0001.jpeg")
    _write(tmp_path / "train" / "PNEUMONIA", "person1_virus_1.png")
    (tmp_path / "train" / "NORMAL" / ".DS_Store").write_bytes(b"")
    found = [(image.path.name, image.label) for image in discover(tmp_path)]
    assert found == [("IM-0001-0001.jpeg", 0), ("IM-0002-0001.jpeg", 0), ("person1_virus_1.png", 1)]


def test_patient_may_be_unnamed_outside_the_training_data(tmp_path: Path) -> None:
    """In a folder of other images each unnamed file is a patient of its own; in training data it is an error."""
    _write(tmp_path / "NORMAL", "a.png")
    _write(tmp_path / "PNEUMONIA", "b.png")
    assert [image.patient for image in discover(tmp_path)] == ["a", "b"]
    _write(tmp_path / "train" / "NORMAL", "a.png")
    with pytest.raises(ConfigurationInvalid, match=r"a\.png"):
        discover(tmp_path)


def test_missing_class_is_an_error(tmp_path: Path) -> None:
    """A data folder without pneumonias says which folder is empty."""
    _write(tmp_path / "NORMAL", "IM-0001-0001.png")
    with pytest.raises(ConfigurationInvalid, match="PNEUMONIA"):
        discover(tmp_path)


def test_tensors_and_labels_keep_the_order(tmp_path: Path) -> None:
    """Tensors come as (N, 150, 150, 1) float32 with their labels, in the order given."""
    _write(tmp_path / "NORMAL", "IM-0001-0001.png")
    _write(tmp_path / "PNEUMONIA", "person1_virus_1.png")
    tensors, labels = load_tensors(discover(tmp_path), AREA)
    assert tensors.shape == (2, 150, 150, 1)
    assert labels.tolist() == [0.0, 1.0]


def test_no_image_of_the_patients_is_an_error() -> None:
    """Measuring on nobody is refused."""
    with pytest.raises(ConfigurationInvalid, match="no image"):
        of_patients(_images(), {"person9999"})
