"""The network as live studies meet it: tensors in, probabilities and heat maps out. ONNX Runtime only."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from domain.errors import ConfigurationInvalid
from model.area import SIDE
from model.card import CARD_FILE, ONNX_FILE, ModelCard, check_version, read_card, verified_files

#: Name of the ONNX output that holds the logit; probabilities are made from it, because a sigmoid in float32
#: cannot tell large logits apart.
LOGIT_OUTPUT = "logit"
PROBABILITY_OUTPUT = "probability"
FEATURES_OUTPUT = "features"
HEAT_MAP_OUTPUT = "heat_map"

_TENSOR = (SIDE, SIDE, 1)
_FLOAT = "tensor(float)"
#: Shape of each output for one image, but of the features, whose number is the network's own.
_OUTPUTS: dict[str, tuple[int, ...]] = {
    LOGIT_OUTPUT: (1,),
    PROBABILITY_OUTPUT: (1,),
    HEAT_MAP_OUTPUT: (SIDE, SIDE),
}
#: Images in one call of ONNX Runtime, whose first layer takes 3 MB each.
_BATCH = 64
_UNREADABLE_GRAPH = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def packaged_weights() -> Path:
    """Give the weights folder that comes with this package."""
    return Path(__file__).resolve().parent / "weights"


def available_versions(weights_root: Path) -> tuple[str, ...]:
    """List the versions in a weights folder, sorted; empty when there is none."""
    return tuple(sorted(card.parent.name for card in weights_root.glob(f"*/{CARD_FILE}")))


@dataclass(frozen=True, slots=True)
class NetworkReading:
    """All that the network says about N tensors, from one forward pass."""

    #: (N,) float64 in [0, 1], calibrated.
    probabilities: npt.NDArray[np.float64]
    #: (N,) float64, before calibration.
    logits: npt.NDArray[np.float64]
    #: (N, units) float32, at least 0: what the last layer decides on.
    features: npt.NDArray[np.float32]
    #: (N, 150, 150) float32, at least 0: Grad-CAM of the logit at the last convolution, not scaled.
    heat_maps: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OnnxNetwork:
    """An ONNX graph of the right shape: (N, 150, 150, 1) float32 -> logits, features, heat maps.

    Safe to share between threads.
    """

    session: Any

    @classmethod
    def from_bytes(cls, graph: bytes, *, threads: int = 1) -> "OnnxNetwork":
        """Start a session; ConfigurationInvalid when it is no ONNX graph with this input and these outputs."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except _UNREADABLE_GRAPH as error:
            raise ConfigurationInvalid(f"ONNX Runtime cannot read the network ({type(error).__name__})") from error
        _check_signature(session)
        return cls(session)

    def logits(self, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Give the logits (N,) of tensors (N, 150, 150, 1); ValueError when these are not such, in [0, 1]."""
        return self.run(tensors, LOGIT_OUTPUT)[0][:, 0].astype(np.float64)

    def raw_probabilities(self, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Give the network's own probabilities (N,), before calibration; ValueError as for `logits`."""
        return self.run(tensors, PROBABILITY_OUTPUT)[0][:, 0].astype(np.float64)

    def features(self, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Give the features (N, units), at least 0, that the last layer decides on; ValueError as for `logits`."""
        return self.run(tensors, FEATURES_OUTPUT)[0]

    def heat_maps(self, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Give the heat maps (N, 150, 150), at least 0; ValueError as for `logits`."""
        return self.run(tensors, HEAT_MAP_OUTPUT)[0]

    def run(self, tensors: npt.NDArray[np.float32], *outputs: str) -> list[npt.NDArray[np.float32]]:
        """Give outputs by name, in the order asked for, from one forward pass; ValueError as for `logits`."""
        _check_tensors(tensors)
        taken = self.session.get_inputs()[0].name
        parts = [tensors[start : start + _BATCH] for start in range(0, max(len(tensors), 1), _BATCH)]
        answers = [self.session.run(list(outputs), {taken: part}) for part in parts]
        return [np.concatenate(of_output) for of_output in zip(*answers, strict=True)]


@dataclass(frozen=True, slots=True)
class Classifier:
    """One version of the network, with its card. Safe to share between threads."""

    card: ModelCard
    network: OnnxNetwork

    @classmethod
    def load(cls, weights_root: Path, version: str, *, threads: int = 1) -> "Classifier":
        """Load and check a version: its card, the sha256 of every file, the graph's input and outputs.

        `threads` is what ONNX Runtime may use for one call. ConfigurationInvalid says what is wrong, and where.
        """
        folder = weights_root / check_version(version)
        if not folder.is_dir():
            known = ", ".join(available_versions(weights_root)) or "none"
            raise ConfigurationInvalid(f"no model version {version!r} in {weights_root}; there is: {known}")
        card = read_card(folder)
        graph = verified_files(folder, card)[ONNX_FILE]
        return cls(card, OnnxNetwork.from_bytes(graph, threads=threads))

    def predict(self, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Give calibrated probabilities of the finding, (N,) float64 in [0, 1].

        `tensors` is (N, 150, 150, 1) float32 in [0, 1], as `preprocess` makes them; ValueError when it is not.
        """
        return self.card.calibration.apply(self.network.logits(tensors))

    def read(self, tensors: npt.NDArray[np.float32]) -> NetworkReading:
        """Give probabilities, logits, features and heat maps from one forward pass; ValueError as for `predict`."""
        logits, features, heat_maps = self.network.run(tensors, LOGIT_OUTPUT, FEATURES_OUTPUT, HEAT_MAP_OUTPUT)
        decisive = logits[:, 0].astype(np.float64)
        return NetworkReading(self.card.calibration.apply(decisive), decisive, features, heat_maps)


def _check_tensors(tensors: npt.NDArray[np.float32]) -> None:
    if tensors.shape[1:] != _TENSOR or tensors.dtype != np.float32:
        raise ValueError(f"tensors are (N, {SIDE}, {SIDE}, 1) float32, not {tensors.shape} {tensors.dtype}")
    # NaN fails both comparisons.
    if tensors.size and not (tensors.min() >= 0.0 and tensors.max() <= 1.0):
        raise ValueError("tensors hold values outside [0, 1]")


def _check_signature(session: Any) -> None:  # noqa: ANN401 - ONNX Runtime has no types
    shapes = [(tuple(value.shape[1:]), value.type, isinstance(value.shape[0], int)) for value in session.get_inputs()]
    if shapes != [(_TENSOR, _FLOAT, False)]:
        raise ConfigurationInvalid(f"the network takes {shapes}, not tensors (N, {SIDE}, {SIDE}, 1) of any N")
    given = {value.name: tuple(value.shape[1:]) for value in session.get_outputs() if value.type == _FLOAT}
    if not _OUTPUTS.items() <= given.items() or len(given.get(FEATURES_OUTPUT, ())) != 1:
        raise ConfigurationInvalid(
            f"the network gives {given}, not {_OUTPUTS} and {FEATURES_OUTPUT} for each of N tensors; export it again"
        )
