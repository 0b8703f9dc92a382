"""The network as live studies meet it: tensors in, calibrated probabilities out. ONNX Runtime only."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from domain.errors import ConfigurationInvalid
from model.card import CARD_FILE, ONNX_FILE, ModelCard, check_version, read_card, verified_files
from model.preprocess import SIDE

#: Name of the ONNX output that holds the logit; probabilities are made from it, because a sigmoid in float32
#: cannot tell large logits apart.
LOGIT_OUTPUT = "logit"
PROBABILITY_OUTPUT = "probability"

_TENSOR = (SIDE, SIDE, 1)
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
class OnnxNetwork:
    """An ONNX graph of the right shape: (N, 150, 150, 1) float32 -> logits. Safe to share between threads."""

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
        return self._run(LOGIT_OUTPUT, tensors)

    def raw_probabilities(self, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Give the network's own probabilities (N,), before calibration; ValueError as for `logits`."""
        return self._run(PROBABILITY_OUTPUT, tensors)

    def _run(self, output: str, tensors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        _check_tensors(tensors)
        if not len(tensors):
            return np.empty(0, np.float64)
        (values,) = self.session.run([output], {self.session.get_inputs()[0].name: tensors})
        return np.asarray(values, np.float64)[:, 0]


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


def _check_tensors(tensors: npt.NDArray[np.float32]) -> None:
    if tensors.shape[1:] != _TENSOR or tensors.dtype != np.float32:
        raise ValueError(f"tensors are (N, {SIDE}, {SIDE}, 1) float32, not {tensors.shape} {tensors.dtype}")
    # NaN fails both comparisons.
    if tensors.size and not (tensors.min() >= 0.0 and tensors.max() <= 1.0):
        raise ValueError("tensors hold values outside [0, 1]")


def _check_signature(session: Any) -> None:  # noqa: ANN401 - ONNX Runtime has no types
    inputs, outputs = session.get_inputs(), {output.name for output in session.get_outputs()}
    shapes = [(tuple(value.shape[1:]), value.type, isinstance(value.shape[0], int)) for value in inputs]
    if shapes != [(_TENSOR, "tensor(float)", False)]:
        raise ConfigurationInvalid(f"the network takes {shapes}, not tensors (N, {SIDE}, {SIDE}, 1) of any N")
    if not {LOGIT_OUTPUT, PROBABILITY_OUTPUT} <= outputs:
        raise ConfigurationInvalid(f"the network gives {sorted(outputs)}, not a logit and a probability")
