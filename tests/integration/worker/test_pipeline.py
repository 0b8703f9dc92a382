"""From files to a reading, with the shipped network and gate, without database or queue."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from config.load import load_settings
from dicom_gateway.wrap import SourceLabels, wrap_image
from domain.finding import Assessment, RefusalCode
from tests.acceptance.xrays import pixels
from worker.model_versions import ModelVersions
from worker.pipeline import Pipeline, StoredImage

_Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """The pipeline as `predict --heat-map` has it."""
    return ModelVersions.offline(load_settings(None, {}), keeps_heat_maps=True).current()


def _stored(folder: Path, image: NDArray[np.uint8]) -> StoredImage:
    labels = SourceLabels(patient_age="003Y", view_position="AP")
    wrap_image(image, labels).save_as(folder / "image.dcm", enforce_file_format=True)
    return StoredImage("1.2.3", folder / "image.dcm")


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (np.rot90, "turned 270 degrees"),
        (lambda image: np.rot90(image, 2), "turned 180 degrees"),
        (lambda image: 255 - image, "polarity inverted"),
    ],
    ids=["on its side", "upside down", "inverted"],
)
def test_a_chest_that_is_stored_wrongly_is_put_right_and_says_so(
    pipeline: Pipeline, tmp_path: Path, stored: _Change, words: str
) -> None:
    """The same probability as upright, within what the rounding of grey levels moves it, and a note."""
    upright = pipeline.read_study([_stored(tmp_path, pixels())])
    turned = pipeline.read_study([_stored(tmp_path, np.ascontiguousarray(stored(pixels())))])
    assert upright.probability is not None
    assert turned.probability == pytest.approx(upright.probability, abs=0.02)
    assert not any("put right" in note for note in upright.notes)
    assert any(words in note for note in turned.notes)
    assert turned.explained is not None
    assert turned.explained.image.shape == (320, 256)


def test_what_is_no_chest_is_undetermined_whatever_its_header_says(pipeline: Pipeline, tmp_path: Path) -> None:
    """Noise in a file that calls itself a frontal chest radiograph gets no probability."""
    noise = np.random.default_rng(1).integers(0, 256, (320, 256), dtype=np.uint8)
    reading = pipeline.read_study([_stored(tmp_path, noise)])
    assert (reading.assessment, reading.probability) == (Assessment.UNDETERMINED, None)
    assert reading.refusal is not None
    assert reading.refusal.code is RefusalCode.NOT_CHEST
