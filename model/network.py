"""The network that this project follows, in one file.

A plain convolutional network for 150 x 150 grey chest radiographs: five blocks of convolution (ReLU), dropout,
batch normalisation and max pooling, then two dense layers. 22 layers, 1,246,401 parameters, 1,088 not trainable.
Parts: batch normalisation, Ioffe and Szegedy 2015, arXiv:1502.03167; dropout, Srivastava et al. 2014, JMLR 15.
Dropout ahead of normalisation biases its statistics (Li et al. 2018, arXiv:1801.05134): see docs/model.md.
"""

import keras

from model.area import SIDE

#: Filters of each convolution block, and the dropout between its convolution and its normalisation.
BLOCKS = ((32, 0.0), (64, 0.1), (64, 0.0), (128, 0.2), (256, 0.2))
DENSE_UNITS = 128
DENSE_DROPOUT = 0.2


def build_network() -> keras.Sequential:
    """Build the untrained network: (N, 150, 150, 1) in [0, 1] -> (N, 1), the probability of pneumonia."""
    network = keras.Sequential(name="pneumonia_cnn")
    network.add(keras.Input((SIDE, SIDE, 1), name="tensor"))
    for number, (filters, dropout) in enumerate(BLOCKS, start=1):
        # (N, s, s, c) -> (N, ceil(s / 2), ceil(s / 2), filters): 150 -> 75 -> 38 -> 19 -> 10 -> 5
        network.add(keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{number}"))
        if dropout:
            network.add(keras.layers.Dropout(dropout, name=f"dropout_{number}"))
        network.add(keras.layers.BatchNormalization(name=f"norm_{number}"))
        network.add(keras.layers.MaxPooling2D(2, strides=2, padding="same", name=f"pool_{number}"))
    network.add(keras.layers.Flatten(name="flatten"))  # (N, 5, 5, 256) -> (N, 6400)
    network.add(keras.layers.Dense(DENSE_UNITS, activation="relu", name="dense"))  # -> (N, 128)
    network.add(keras.layers.Dropout(DENSE_DROPOUT, name="dense_dropout"))
    network.add(keras.layers.Dense(1, activation="sigmoid", name="probability"))  # -> (N, 1)
    return network
