import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from domain.errors import ConfigurationInvalid
from model.area import SIDE
from model.baseline_counter_propagation import CounterPropagation
from model.baseline_lstm import RowsLstm
from model.baseline_transfer import TransferLearning
from model.baselines import METHODS, Labels, Method, Tensors, builder, find_methods, log_odds
from model.reduced_pixels import REDUCED_SIDE, reduced

_WITHOUT_PYTORCH = [method for method in METHODS if method.name != "transfer"]


def _images(seed: int, count: int = 60) -> tuple[Tensors, Labels]:
    """Noise, brighter in the lower half of every other image."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    tensors = rng.uniform(0.2, 0.5, (count, SIDE, SIDE, 1)) + rng.uniform(-0.05, 0.05, (count, 1, 1, 1))
    tensors[labels == 1, SIDE // 2 :] += 0.2
    return tensors.astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("method", _WITHOUT_PYTORCH, ids=lambda method: method.name)
def test_a_method_learns_what_can_be_seen_and_repeats_it(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    """On images that it has not seen its finite scores rank the classes; the same seed gives the same scores."""
    monkeypatch.setattr("model.baseline_lstm._EPOCHS", 2)
    unseen, truth = _images(2)
    scores = []
    for _ in range(2):
        baseline = builder(method)(5)
        baseline.fit(*_images(1))
        scores.append(baseline.scores(unseen))
    assert scores[0].shape == (60,)
    assert scores[0].dtype == np.float64
    assert np.isfinite(scores[0]).all()
    assert roc_auc_score(truth, scores[0]) > 0.95
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-4, atol=1e-4)


def test_the_lstm_sees_the_order_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned upside down, the brighter half comes first, and the score is another."""
    monkeypatch.setattr("model.baseline_lstm._EPOCHS", 2)
    baseline = RowsLstm(1)
    tensors, labels = _images(1)
    baseline.fit(tensors, labels)
    positives = tensors[labels == 1]
    assert np.mean(baseline.scores(positives) - baseline.scores(positives[:, ::-1])) > 0.5


def test_units_of_counter_propagation_answer_with_their_images_share() -> None:
    """Where labels are drawn without regard to the images, every answer stays near their share."""
    tensors, _ = _images(1)
    labels = np.array([1, 1, 1, 0] * 15)
    baseline = CounterPropagation(1)
    baseline.fit(tensors, labels)
    assert np.mean(baseline.scores(tensors)) == pytest.approx(log_odds(np.array([0.75]))[0], abs=0.5)


def test_transfer_fits_a_last_layer_on_what_the_backbone_says() -> None:
    """The backbone is asked for the images alone and never changed; a score is linear in its features."""
    asked = []

    def backbone(tensors: Tensors) -> npt.NDArray[np.float32]:
        asked.append(len(tensors))
        return np.stack([tensors[:, SIDE // 2 :].mean(axis=(1, 2, 3)), tensors.mean(axis=(1, 2, 3))], axis=1)

    baseline = TransferLearning(backbone, "a backbone of this test")
    baseline.fit(*_images(1))
    unseen, truth = _images(2)
    scores = baseline.scores(unseen)
    assert asked == [60, 60]
    assert roc_auc_score(truth, scores) > 0.95
    features = np.column_stack([backbone(unseen), np.ones(60)])
    fitted = features @ np.linalg.lstsq(features, scores, rcond=None)[0]
    np.testing.assert_allclose(fitted, scores, atol=1e-4)
    assert "a backbone of this test" in baseline.setting


def test_reduction_averages_cells() -> None:
    """The 50 x 50 image holds the mean of each 3 x 3 cell, row by row."""
    tensors = np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE, 1)
    cells = reduced(tensors).reshape(REDUCED_SIDE, REDUCED_SIDE)
    assert cells[0, 0] == tensors[0, :3, :3].mean()
    assert cells[1, 2] == tensors[0, 3:6, 6:9].mean()


def test_log_odds_stay_finite() -> None:
    """Certainty becomes a large number, and the order is kept."""
    odds = log_odds(np.array([0.0, 0.5, 1.0]))
    assert odds[1] == 0.0
    assert -20.0 < odds[0] < 0.0 < odds[2] < 20.0


def test_methods_come_in_the_papers_order_and_unknown_ones_are_named() -> None:
    """Asked for in any order; an unknown name is told with the known ones."""
    assert [method.name for method in find_methods(["lstm", "svm"])] == ["svm", "lstm"]
    assert find_methods([]) == ()
    with pytest.raises(ConfigurationInvalid, match="no method forest; known: svm, knn"):
        find_methods(["svm", "forest"])
