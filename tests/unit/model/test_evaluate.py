from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from domain.errors import ConfigurationInvalid
from domain.finding import RefusalCode
from model.dataset import LabelledImage
from model.evaluate import evaluate
from model.gated_classifier import GatedClassifier


@pytest.fixture
def flat(tmp_path: Path) -> LabelledImage:
    """Write an image of one grey level."""
    Image.new("L", (300, 300), 90).save(tmp_path / "flat.png")
    return LabelledImage(tmp_path / "flat.png", 0, "flat")


def test_refused_images_are_counted_and_not_guessed(
    serving: GatedClassifier, samples: list[LabelledImage], flat: LabelledImage
) -> None:
    """A flat image among samples is refused by code, and no figure holds it."""
    evaluation = evaluate(serving, [samples[0], flat, samples[-1]], data_set="three")
    assert evaluation.figures.n == 2
    assert evaluation.figures.refused == 1
    assert evaluation.refusals == {RefusalCode.FLAT_IMAGE: 1}


def test_evaluation_takes_the_live_path(
    serving: GatedClassifier, samples: list[LabelledImage], sample_tensors: npt.NDArray[np.float32]
) -> None:
    """Each image's probability is the classifier's own, and the counts at each operating point follow from it."""
    evaluation = evaluate(serving, samples, data_set="samples")
    probabilities = [scored.probability for scored in evaluation.scored]
    np.testing.assert_allclose(probabilities, serving.classifier.predict(sample_tensors), atol=1e-6)
    labels = np.array([sample.label for sample in samples])
    for point in serving.card.operating_points:
        called = np.array(probabilities) >= point.threshold
        assert evaluation.figures.operating_points[point.name].confusion.tp == int((called & (labels == 1)).sum())


def test_nothing_scored_is_an_error(serving: GatedClassifier, flat: LabelledImage) -> None:
    """Figures of nothing are not invented."""
    with pytest.raises(ConfigurationInvalid, match="all refused"):
        evaluate(serving, [flat], data_set="flat")
