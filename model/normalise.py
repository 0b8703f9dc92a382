"""Grey-level normalisation: what tells how an image was acquired is taken out before the network sees it.

An image is cut into five bands of detail, from fine to coarse, and a base (a stack of Gaussian blurs: Burt and
Adelson 1983, IEEE Trans. Commun. 31). Every band, and the base, is brought to the level that it has in a typical
radiograph, and the sum is bent into [0, 1] by tanh. Sharpness, contrast, brightness, window and most of a gamma
curve no longer carry anything: without this, sharpness alone separates the classes of the training set.
"""

import numpy as np
import numpy.typing as npt

from model.area import SIDE

#: Standard deviations of the blurs, in pixels of the tensor. A band is what lies between two of them.
BLUR_SIGMAS = (0.8, 1.6, 3.2, 6.4, 12.8)
#: Mean absolute value that each band is brought to: the geometric mean over training images.
BAND_LEVELS = (0.0094, 0.0100, 0.0160, 0.0233, 0.0340)
#: Standard deviation that the base is brought to.
BASE_DEVIATION = 0.12
#: Least and greatest factor for a band, and for the base: noise in a flat image is not blown up without limit.
BAND_GAINS = (0.25, 4.0)
BASE_GAINS = (0.3, 4.0)
#: Rows and columns that levels are measured on: borders, collimator edges and most side markers lie outside.
CENTRE = slice(20, 130)
#: Slope of the curve that bends the sum into [0, 1].
TANH_SLOPE = 1.6
#: Keeps divisions finite.
EPSILON = 1e-4

_Grey = npt.NDArray[np.float32]


def blur_matrices() -> tuple[_Grey, ...]:
    """Give one (150, 150) matrix M a blur: M @ image @ M.T is the blurred image, its weights cut off at the edges."""
    place = np.arange(SIDE)
    distance = place[:, np.newaxis] - place[np.newaxis, :]
    matrices = []
    for sigma in BLUR_SIGMAS:
        weights = np.exp(-0.5 * (distance / sigma) ** 2)
        matrices.append((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))
    return tuple(matrices)


_MATRICES = blur_matrices()


def normalise_bands(tensor: _Grey) -> _Grey:
    """Bring a tensor (150, 150, 1) in [0, 1] to typical levels of detail, contrast and brightness; again in [0, 1].

    A constant image gives 0.5 everywhere.
    """
    image = tensor[..., 0]
    rest: _Grey = image
    total = np.zeros_like(image)
    for matrix, level in zip(_MATRICES, BAND_LEVELS, strict=True):
        blurred = (matrix @ image @ matrix.T).astype(np.float32, copy=False)
        band = rest - blurred
        total += band * np.float32(np.clip(level / (np.abs(band[CENTRE, CENTRE]).mean() + EPSILON), *BAND_GAINS))
        rest = blurred
    centre = rest[CENTRE, CENTRE]
    total += (rest - centre.mean()) * np.float32(np.clip(BASE_DEVIATION / (centre.std() + EPSILON), *BASE_GAINS))
    normalised: _Grey = (0.5 + 0.5 * np.tanh(TANH_SLOPE * total)).astype(np.float32)
    return normalised[..., np.newaxis]
