"""K-means, which knows no labels: each cluster is given the share of pneumonia among its training images."""

from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from model.baselines import Labels, Scores, Tensors, log_odds
from model.reduced_pixels import REDUCED_SIDE, at_most, on_components

_CLUSTERS, _COMPONENTS, _STARTS = 32, 50, 4


class KMeansBaseline:
    """Clusters of principal components."""

    setting = (
        f"{_COMPONENTS} principal components of {REDUCED_SIDE} x {REDUCED_SIDE} grey values; {_CLUSTERS} clusters, the "
        f"best of {_STARTS} starts; an image scores what share of its cluster's training images shows pneumonia"
    )

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._clusters: Any = None
        self._of_cluster: Scores = np.zeros(0)

    def fit(self, tensors: Tensors, labels: Labels) -> None:
        """Cluster without the labels, then count them in each cluster."""
        clusters = KMeans(at_most(_CLUSTERS, len(tensors)), n_init=_STARTS, random_state=self._seed)
        self._clusters = on_components(_COMPONENTS, clusters, seed=self._seed, images=len(tensors)).fit(tensors)
        members = self._clusters.predict(tensors)
        images = np.bincount(members, minlength=clusters.n_clusters)
        positives = np.bincount(members, weights=labels, minlength=clusters.n_clusters)
        # Half an image added to either side: a cluster of one class has finite odds.
        self._of_cluster = log_odds((positives + 0.5) / (images + 1.0))

    def scores(self, tensors: Tensors) -> Scores:
        """Give the logit of the share in each image's cluster."""
        found: Scores = self._of_cluster[self._clusters.predict(tensors)]
        return found
