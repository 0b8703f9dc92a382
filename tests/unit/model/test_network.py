import numpy as np
import pytest

from model.network import build_network


def test_figures_of_the_paper() -> None:
    """22 layers, 1,246,401 parameters, 1,088 of them not trainable, 1,245,313 trainable."""
    network = build_network()
    not_trainable = sum(int(np.prod(weight.shape)) for weight in network.non_trainable_weights)
    trainable = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert len(network.layers) == 22
    assert network.count_params() == 1_246_401
    assert (not_trainable, trainable) == (1_088, 1_245_313)


def test_layers_stand_in_the_papers_order() -> None:
    """Blocks 2, 4 and 5 drop out between convolution and normalisation; then flatten, dense, dropout, dense."""
    kinds = [type(layer).__name__ for layer in build_network().layers]
    plain = ["Conv2D", "BatchNormalization", "MaxPooling2D"]
    dropped = ["Conv2D", "Dropout", "BatchNormalization", "MaxPooling2D"]
    assert kinds == [*plain, *dropped, *plain, *dropped, *dropped, "Flatten", "Dense", "Dropout", "Dense"]


def test_layers_are_made_as_in_the_paper() -> None:
    """Filters, kernel, stride, padding, activation, dropout rates and pooling are the paper's."""
    layers = build_network().layers
    convolutions = [layer for layer in layers if type(layer).__name__ == "Conv2D"]
    assert [layer.filters for layer in convolutions] == [32, 64, 64, 128, 256]
    for layer in convolutions:
        assert (layer.kernel_size, layer.strides, layer.padding) == ((3, 3), (1, 1), "same")
        assert layer.activation.__name__ == "relu"
    assert [layer.rate for layer in layers if type(layer).__name__ == "Dropout"] == [0.1, 0.2, 0.2, 0.2]
    for layer in (layer for layer in layers if type(layer).__name__ == "MaxPooling2D"):
        assert (layer.pool_size, layer.strides, layer.padding) == ((2, 2), (2, 2), "same")
    assert (layers[-3].units, layers[-1].units, layers[-1].activation.__name__) == (128, 1, "sigmoid")


@pytest.mark.parametrize("count", [1, 3])
def test_output_is_a_probability(count: int, rng: np.random.Generator) -> None:
    """(N, 150, 150, 1) in, (N, 1) out, each in [0, 1]."""
    output = np.asarray(build_network()(rng.random((count, 150, 150, 1), np.float32)))
    assert output.shape == (count, 1)
    assert ((output >= 0.0) & (output <= 1.0)).all()
