"""Make an ONNX graph depend on the weights only, so that exporting the same run twice gives the same bytes.

The converter numbers values, constants and the batch dimension by counters that differ from run to run.
"""

from itertools import chain
from typing import Any

import onnx

_PRODUCER = "cxr-triage"
_GRAPH_NAME = "pneumonia_cnn"


def canonical(model: onnx.ModelProto) -> bytes:
    """Rename everything but inputs and outputs by the order of use, and serialise. The model is changed in place."""
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    names = _names_by_use(graph, kept)
    for position, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{position}"
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for constant in graph.initializer:
        constant.name = names[constant.name]
    constants = sorted(graph.initializer, key=lambda constant: int(constant.name.removeprefix("value_")))
    del graph.initializer[:]
    graph.initializer.extend(constants)
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    graph.name, graph.doc_string = _GRAPH_NAME, ""
    model.producer_name, model.producer_version = _PRODUCER, ""
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _names_by_use(graph: Any, kept: set[str]) -> dict[str, str]:  # noqa: ANN401 - onnx has no types
    """Give each value's new name: its own for inputs and outputs, else a number by first use ("" stays, it is none)."""
    names: dict[str, str] = {"": ""}
    used = chain.from_iterable((*node.input, *node.output) for node in graph.node)
    for name in (*used, *(constant.name for constant in graph.initializer)):
        names.setdefault(name, name if name in kept else f"value_{len(names)}")
    return names
