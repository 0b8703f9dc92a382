"""The images that the input gate is fitted on. Training only."""

from collections.abc import Sequence

import numpy as np
from sklearn.datasets import load_sample_images

from model.dataset import LabelledImage
from model.gate_canvas import Array
from model.image_file import read_image

#: Rows and columns that chests are brought to before anything is taken from several of them: the Guangzhou images'.
CHEST_SIDE = 224
_LUMA = np.array([0.299, 0.587, 0.114], np.float32) / 255


def read_chests(images: Sequence[LabelledImage]) -> list[Array]:
    """Read images, each (H, W) float32 in [0, 1]: 0.2 MB apiece at 224 x 224."""
    return [read_image(image.path) for image in images]


def photographs() -> list[Array]:
    """Give the two sample photographs of scikit-learn in grey, (427, 640) float32 in [0, 1].

    By danielbuechele and vultilion, CC BY 2.0; they are looked at, and no part of them is kept.
    """
    return [(picture @ _LUMA).astype(np.float32) for picture in load_sample_images().images]
