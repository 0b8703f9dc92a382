"""Heat maps as pictures on disk, for who runs a command."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from domain.errors import StoreUnavailable
from model.heatmap import overlay


def write_overlay(
    path: Path, image: npt.NDArray[np.float32], heat_map: npt.NDArray[np.float32], *, full_heat: float | None = None
) -> None:
    """Write a heat map (150, 150) over its image (H, W) in [0, 1] as an RGB PNG of (H, W), whatever the suffix.

    Its folder must exist; StoreUnavailable when the file cannot be written. `full_heat`, ValueError: see `overlay`.
    """
    picture = Image.fromarray(overlay(image, heat_map, full_heat=full_heat))
    try:
        picture.save(path, format="PNG")
    except OSError as error:
        raise StoreUnavailable(f"the heat map cannot be written to {path.parent} ({error.strerror})") from error
