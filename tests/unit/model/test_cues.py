from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from model.classifier import Classifier
from model.cues import aspect_ratio, brightness, contrast, cue_matched, cue_rows, sharpness
from model.dataset import LabelledImage


def test_matching_takes_the_cue_away_and_keeps_both_classes_alike() -> None:
    """A cue that separates two classes with AUC above 0.8 is near 0.5 on what is chosen, as many of each class."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [400, 1200])
    cue = rng.normal(labels * 1.5, 1.0)
    chosen = cue_matched(labels, cue)
    assert roc_auc_score(labels, cue) > 0.8
    assert roc_auc_score(labels[chosen], cue[chosen]) == pytest.approx(0.5, abs=0.03)
    assert (labels[chosen] == 0).sum() == (labels[chosen] == 1).sum() > 150
    np.testing.assert_array_equal(chosen, cue_matched(labels, cue))


def test_cues_measure_what_they_are_called_after() -> None:
    """Stripes that lie are sharper than stripes that stand, as the set's own measure has it; the others are plain."""
    lying = np.zeros((300, 200), np.float32)
    lying[::40] = 1.0
    lying[1::40] = 1.0
    standing = np.zeros((300, 200), np.float32)
    standing[:, ::40] = 1.0
    assert sharpness(lying) > 10 * sharpness(standing)
    assert aspect_ratio(lying) == pytest.approx(2 / 3)
    assert brightness(lying) == pytest.approx(lying.mean())
    assert contrast(lying) == pytest.approx(lying.std(), rel=1e-5)


def test_rows_follow_the_logit(classifier: Classifier, samples: list[LabelledImage]) -> None:
    """Correlations and AUCs are such, sizes differ among the samples, and a network that reads noise shows none."""
    rows = {row.cue: row for row in cue_rows(classifier, samples)}
    assert set(rows) == {"sharpness", "contrast", "brightness", "aspect ratio", "stretch, drawn"}
    for row in rows.values():
        assert -1.0 <= row.normals <= 1.0
        assert -1.0 <= row.pneumonias <= 1.0
        assert 0.5 <= row.cue_auc <= 1.0
    assert rows["stretch, drawn"].matched is None


def test_images_of_one_shape_have_no_aspect_ratio_to_follow(
    classifier: Classifier, samples: list[LabelledImage]
) -> None:
    """The same file under both labels: what does not differ is left out."""
    pair = [samples[0], samples[-1]]
    twice = [*pair, *(replace(image, label=1 - image.label) for image in pair)]
    same = [image for image in twice if image.path == samples[0].path] * 2
    assert [row.cue for row in cue_rows(classifier, same)] == ["stretch, drawn"]
