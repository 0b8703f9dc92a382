"""Make an ONNX graph depend on the weights only, so that exporting the same run twice gives the same bytes.

The converter numbers values, constants and the batch dimension by counters that differ from run to run, and lists nodes
in any order that can be computed.
"""

from itertools import chain
from typing import Any

import onnx

_PRODUCER = "cxr-triage"
_GRAPH_NAME = "pneumonia_cnn"


def canonical(model: onnx.ModelProto) -> bytes:
    """Order the nodes, rename everything but inputs and outputs by the order of use, and serialise.

    The model is changed in place.
    """
    graph = model.graph
    _order_nodes(graph)
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


def _order_nodes(graph: Any) -> None:  # noqa: ANN401 - onnx has no types
    """List what an output needs just before it, output by output; nodes that no output needs are dropped."""
    makers = {name: node for node in graph.node for name in node.output}
    ordered, listed = [], set()
    waiting = [value.name for value in reversed(graph.output)]
    while waiting:
        node = makers.get(waiting[-1])
        missing = [] if node is None else [name for name in node.input if name in makers and name not in listed]
        if node is not None and missing:
            waiting.append(missing[0])
            continue
        if node is not None and waiting[-1] not in listed:
            ordered.append(node)
            listed.update(node.output)
        waiting.pop()
    del graph.node[:]
    graph.node.extend(ordered)


def _names_by_use(graph: Any, kept: set[str]) -> dict[str, str]:  # noqa: ANN401 - onnx has no types
    """Give each value's new name: its own for inputs and outputs, else a number by first use ("" stays, it is none)."""
    names: dict[str, str] = {"": ""}
    used = chain.from_iterable((*node.input, *node.output) for node in graph.node)
    for name in (*used, *(constant.name for constant in graph.initializer)):
        names.setdefault(name, name if name in kept else f"value_{len(names)}")
    return names
