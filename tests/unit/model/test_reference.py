import pytest
from pydantic import ValidationError

from domain.distribution import BINS
from model.card import ProbabilityReference


def test_a_reference_counts_both_classes_in_ten_bins() -> None:
    """It knows its prevalence; one without a class, or with another number of bins, is none."""
    found = ProbabilityReference(data_set="here", normal=(30,) + (0,) * 9, pneumonia=(0,) * 9 + (10,))
    assert found.spread.prevalence == 0.25
    for normal in ((0,) * BINS, (1,) * (BINS - 1), (-1,) + (5,) * 9):
        with pytest.raises(ValidationError):
            ProbabilityReference(data_set="here", normal=normal, pneumonia=(1,) * BINS)
