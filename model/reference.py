"""The spread of a version's probabilities where the truth is known: what live ones are held against."""

from domain.distribution import histogram
from model.card import ProbabilityReference
from model.evaluate import Evaluation


def reference_of(evaluation: Evaluation) -> ProbabilityReference:
    """Count the calibrated probabilities of an evaluation by bin and class. ValueError when it lacks a class."""
    normal, pneumonia = (histogram(evaluation.probabilities[evaluation.labels == label]) for label in (0, 1))
    return ProbabilityReference(
        data_set=evaluation.figures.data_set,
        normal=tuple(int(count) for count in normal),
        pneumonia=tuple(int(count) for count in pneumonia),
    )
