"""For methods that cannot take 22,500 grey values: averages over cells of 3 x 3, and principal components of them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from model.area import SIDE
from model.baselines import Tensors

#: Rows and columns of the reduced image.
REDUCED_SIDE = 50
_CELL = SIDE // REDUCED_SIDE


def reduced(tensors: Tensors) -> npt.NDArray[np.float32]:
    """Average tensors (N, 150, 150, 1) over cells of 3 x 3: (N, 2500) float32 in [0, 1]."""
    cells = tensors.reshape(len(tensors), REDUCED_SIDE, _CELL, REDUCED_SIDE, _CELL)
    averages: npt.NDArray[np.float32] = cells.mean(axis=(2, 4)).reshape(len(tensors), -1)
    return averages


def on_pixels(*steps: Any) -> Pipeline:  # noqa: ANN401 - scikit-learn has no types
    """Make a pipeline from tensors by way of the reduced image."""
    return make_pipeline(FunctionTransformer(reduced), *steps)


def on_components(count: int, *steps: Any, seed: int, images: int, whiten: bool = False) -> Pipeline:  # noqa: ANN401
    """Make a pipeline from tensors by way of principal components; fewer than `count` where images are fewer."""
    return on_pixels(PCA(at_most(count, images - 1), whiten=whiten, random_state=seed), *steps)


def at_most(count: int, images: int) -> int:
    """Limit a number of components, neighbours or clusters to what so many images allow."""
    return max(1, min(count, images))
