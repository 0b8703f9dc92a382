"""From an image to what the network takes: one function, for training and for live studies alike.

Weights name the version of it that they were trained with, and are served with that one.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from domain.errors import ConfigurationInvalid
from model.area import area_average
from model.normalise import normalise_bands

_Tensor = npt.NDArray[np.float32]

#: Grey values as they are.
AREA = "area-150-1"
#: Sharpness, contrast and brightness brought to typical levels: see model.normalise.
BANDS = "bands-150-1"


def _bands(image: _Tensor) -> _Tensor:
    return normalise_bands(area_average(image))


#: A version is never changed: another tensor for the same image is another version.
_VERSIONS: dict[str, Callable[[_Tensor], _Tensor]] = {AREA: area_average, BANDS: _bands}


def check_preprocess_version(version: str) -> str:
    """Give back the version's name; ConfigurationInvalid names the known ones."""
    if version not in _VERSIONS:
        raise ConfigurationInvalid(f"no preprocessing {version!r}; known: {', '.join(sorted(_VERSIONS))}")
    return version


def preprocess(image: _Tensor, version: str) -> _Tensor:
    """Turn an image (H, W) float32 in [0, 1] into one tensor (150, 150, 1) float32 in [0, 1].

    Raises what `model.area.area_average` raises, and ConfigurationInvalid for an unknown version.
    """
    return _VERSIONS[check_preprocess_version(version)](image)
