from pathlib import Path

import numpy as np
from PIL import Image

from model.dataset import LabelledImage
from model.gate_data import photographs, read_chests


def test_images_are_read_as_floats(tmp_path: Path) -> None:
    """Chests and photographs come as float32 (H, W) in [0, 1]."""
    Image.new("L", (8, 6), 51).save(tmp_path / "a.png")
    (chest,) = read_chests([LabelledImage(tmp_path / "a.png", 0, "a")])
    assert chest.shape == (6, 8)
    assert chest.max() == np.float32(0.2)
    for image in photographs():
        assert (image.ndim, image.dtype) == (2, np.float32)
        assert 0 <= image.min() < image.max() <= 1
