"""Write an ONNX graph node by node: the same calls give the same bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

#: Operator set of ai.onnx, and the file format of that time (onnx.helper.OP_SET_ID_VERSION_MAP).
_OPSET, _IR_VERSION = 19, 9
_PRODUCER = "cxr-triage"
_FLOAT = onnx.TensorProto.FLOAT


class GraphBuilder:
    """Collects nodes and constants; each gets the next free number as its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._values = 0

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Keep a constant, and give its name."""
        name = self._next_name()
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:  # noqa: ANN401 - numbers, texts and lists, by operator
        """Add a node with one output, and give that output's name."""
        made = self._next_name() if output is None else output
        node = helper.make_node(operator, inputs, [made], f"{operator}_{len(self._nodes)}", **attributes)
        self._nodes.append(node)
        return made

    def build(self, taken: tuple[str, Sequence[int]], given: Sequence[tuple[str, Sequence[int]]]) -> bytes:
        """Serialise the graph from one input to outputs: names, and shapes behind a free dimension N; all float32."""
        graph = helper.make_graph(
            self._nodes, self._name, [_described(*taken)], [_described(*value) for value in given], self._constants
        )
        model = helper.make_model(
            graph,
            producer_name=_PRODUCER,
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _next_name(self) -> str:
        self._values += 1
        return f"value_{self._values}"


def _described(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _FLOAT, ["N", *shape])
