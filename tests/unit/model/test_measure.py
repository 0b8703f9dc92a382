import numpy as np
import pytest

from domain.errors import ConfigurationInvalid
from domain.finding import OperatingPoint
from model.calibrate import choose_operating_points, fit_calibration
from model.measure import expected_calibration_error, measure, measure_at

_LABELS = np.array([1, 1, 1, 1, 0, 0])
_PROBABILITIES = np.array([0.9, 0.8, 0.6, 0.2, 0.7, 0.1])


def test_rates_are_those_counted_by_hand() -> None:
    """Three of four pneumonias and one of two normals called at 0.5 give the known rates."""
    rates = measure_at(_LABELS, _PROBABILITIES, 0.5)
    assert rates.confusion.model_dump() == {"tp": 3, "fp": 1, "tn": 1, "fn": 1}
    assert rates.accuracy == pytest.approx(4 / 6)
    assert (rates.precision, rates.recall, rates.specificity, rates.f1) == (0.75, 0.75, 0.5, 0.75)


def test_threshold_itself_counts_as_positive() -> None:
    """A probability at the threshold is called, as OperatingPoint.assess calls it."""
    assert measure_at(_LABELS, _PROBABILITIES, 0.7).confusion.fp == 1
    assert OperatingPoint("x", 0.7, 1.0, 1.0, "y").assess(0.7).value == "suspected"


def test_ranking_figures_are_those_counted_by_hand() -> None:
    """Six of eight pairs ranked right give ROC AUC 0.75; Brier is the mean squared error."""
    figures = measure(_LABELS, _PROBABILITIES, data_set="by hand", refused=2)
    assert figures.roc_auc == pytest.approx(0.75)
    assert figures.brier == pytest.approx(np.mean((_PROBABILITIES - _LABELS) ** 2))
    assert (figures.n, figures.refused) == (6, 2)


def test_what_cannot_be_measured_is_none() -> None:
    """With one class only there is no AUC and no specificity; without a call there is no precision."""
    figures = measure(np.ones(3, np.int64), np.array([0.1, 0.2, 0.3]), data_set="pneumonias")
    assert (figures.roc_auc, figures.pr_auc, figures.specificity, figures.precision) == (None, None, None, None)
    assert figures.recall == 0.0


def test_calibration_error_is_the_gap_weighted_by_images() -> None:
    """Two bins with gaps 0.05 and 0.2 over 4 and 1 images give (4 * 0.05 + 0.2) / 5."""
    labels, probabilities = np.array([0, 0, 0, 0, 1]), np.array([0.05, 0.05, 0.05, 0.05, 0.8])
    assert expected_calibration_error(labels, probabilities) == pytest.approx(0.08)


def test_calibration_error_takes_certainty() -> None:
    """A probability of exactly 1 falls into the last bin."""
    assert expected_calibration_error(np.array([1, 0]), np.array([1.0, 0.0])) == 0.0


def test_calibration_recovers_what_distorted_the_logits(rng: np.random.Generator) -> None:
    """Logits that are three times too bold and shifted by one are put right."""
    true_logits = rng.normal(0.0, 2.0, 20_000)
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-true_logits))).astype(np.int64)
    calibration = fit_calibration(labels, 3.0 * true_logits + 3.0, measured_on="synthetic")
    assert calibration.temperature == pytest.approx(3.0, rel=0.05)
    assert calibration.bias == pytest.approx(-1.0, abs=0.1)
    assert expected_calibration_error(labels, calibration.apply(3.0 * true_logits + 3.0)) < 0.02


def test_calibration_survives_huge_logits() -> None:
    """Logits of a thousand give 0 and 1, not overflow."""
    calibration = fit_calibration(np.array([0, 1, 0, 1]), np.array([-1.0, 1.0, 0.5, 0.4]), measured_on="synthetic")
    with np.errstate(all="raise", under="ignore"):
        assert calibration.apply(np.array([-1e5, 1e5])).tolist() == [0.0, 1.0]


def test_network_that_reads_backwards_is_refused() -> None:
    """Logits that fall with the finding are no network to calibrate."""
    with pytest.raises(ConfigurationInvalid, match="do not rise"):
        fit_calibration(np.array([1, 1, 0, 0]), np.array([-2.0, 0.1, 0.0, 2.0]), measured_on="synthetic")


def test_operating_points_keep_their_promises(rng: np.random.Generator) -> None:
    """high_sensitivity is the highest threshold that keeps 98 %, balanced has the best sum of both rates."""
    labels = rng.integers(0, 2, 300)
    probabilities = 1 / (1 + np.exp(-rng.normal(labels * 3.0 - 1.5, 1.5)))
    sensitive, balanced = choose_operating_points(labels, probabilities, measured_on="synthetic")
    assert sensitive.sensitivity >= 0.98
    positives = np.sort(probabilities[labels == 1])
    one_less = measure_at(labels, probabilities, float(positives[positives > sensitive.threshold][0]) + 1e-12)
    assert one_less.recall is not None
    assert one_less.recall < 0.98
    for threshold in probabilities:
        rates = measure_at(labels, probabilities, float(threshold))
        assert (rates.recall or 0.0) + (rates.specificity or 0.0) <= balanced.sensitivity + balanced.specificity + 1e-12


def test_operating_points_do_not_sit_on_a_probability(rng: np.random.Generator) -> None:
    """Thresholds lie between measured probabilities, so that rounding moves no image across."""
    labels = rng.integers(0, 2, 200)
    probabilities = rng.random(200) * 0.5 + labels * 0.3
    for point in choose_operating_points(labels, probabilities, measured_on="synthetic"):
        assert np.abs(probabilities - point.threshold).min() > 0.0
        assert 0.0 <= point.threshold <= 1.0


def test_operating_points_need_both_classes() -> None:
    """One class alone gives no specificity, so no operating point."""
    with pytest.raises(ConfigurationInvalid, match="lacks one class"), pytest.warns(match="No negative"):
        choose_operating_points(np.ones(3, np.int64), np.array([0.1, 0.5, 0.9]), measured_on="pneumonias")
