"""A Keras network as the ONNX graph that serves: logit, probability, features and heat map in one forward pass."""

import keras

from domain.errors import ConfigurationInvalid
from model.area import SIDE
from model.classifier import FEATURES_OUTPUT, HEAT_MAP_OUTPUT, LOGIT_OUTPUT, PROBABILITY_OUTPUT
from model.onnx_graph import GraphBuilder
from model.onnx_layers import add_dense, add_layer
from model.saliency_graph import add_heat_map, find_head

_INPUT = "tensor"


def to_onnx(network: keras.Model) -> bytes:
    """Convert a network (N, 150, 150, 1) -> (N, 1) to a graph that gives logit, probability, features and heat map.

    The same weights give the same bytes. ConfigurationInvalid for another input, for a layer that cannot be converted
    (it is named), and for an end that has no heat map in closed form (`find_head`).
    """
    _check_input(network)
    network = _connected_once(network)
    head, graph = find_head(network), GraphBuilder("pneumonia_cnn")
    # One channel: channels last and channels first are the same numbers.
    values = {id(network.inputs[0]): graph.add("Transpose", _INPUT, perm=[0, 3, 1, 2])}
    for layer in network.layers:
        if layer is not head.last and not isinstance(layer, keras.layers.InputLayer):
            values[id(layer.output)] = add_layer(graph, layer, _inputs_of(layer, values))
    (decisive,) = _inputs_of(head.last, values)
    features = graph.add("Identity", decisive, output=FEATURES_OUTPUT)
    logit = add_dense(graph, head.last, features, output=LOGIT_OUTPUT)
    graph.add("Sigmoid", logit, output=PROBABILITY_OUTPUT)
    add_heat_map(graph, head, values[id(head.convolution.output)], features, HEAT_MAP_OUTPUT)
    return graph.build(
        (_INPUT, (SIDE, SIDE, 1)),
        [
            (LOGIT_OUTPUT, (1,)),
            (PROBABILITY_OUTPUT, (1,)),
            (FEATURES_OUTPUT, (head.dense.units,)),
            (HEAT_MAP_OUTPUT, (SIDE, SIDE)),
        ],
    )


def _check_input(network: keras.Model) -> None:
    shapes = [tuple(value.shape) for value in network.inputs]
    if shapes != [(None, SIDE, SIDE, 1)]:
        raise ConfigurationInvalid(f"the network takes {shapes}, not [(None, {SIDE}, {SIDE}, 1)]")


def _connected_once(network: keras.Model) -> keras.Model:
    """Copy a network, so that a layer's input and output are those in it: Keras tells of a layer's first use only."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def _inputs_of(layer: keras.Layer, values: dict[int, str]) -> list[str]:
    """Give the names of what a layer takes; it must have been called once, on what the layers before it give."""
    taken = layer.input if isinstance(layer.input, list) else [layer.input]
    try:
        return [values[id(value)] for value in taken]
    except KeyError:
        raise ConfigurationInvalid(
            f"layer {layer.name!r} takes what no layer before it gives: use each layer once, no model within a model"
        ) from None
