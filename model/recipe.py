"""Training recipes: every value that shapes the weights, by name."""

from dataclasses import dataclass, field

from domain.errors import ConfigurationInvalid
from model.preprocess import AREA, BANDS


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training run is made of, besides its data and its seed."""

    name: str
    preprocess_version: str
    #: Rotation is drawn from [-rotation_degrees, rotation_degrees].
    rotation_degrees: float
    #: Height and width are each scaled by a factor from [1 - zoom, 1 + zoom].
    zoom: float
    #: Rows and columns are each shifted by a share of the side from [-shift, shift].
    shift: float
    batch_size: int
    epochs: int
    #: Of RMSprop.
    learning_rate: float
    #: Epochs without a better validation accuracy before the rate falls.
    plateau_patience: int
    plateau_factor: float
    minimum_learning_rate: float


@dataclass(frozen=True, slots=True)
class Disturbances:
    """How training images are changed; limits of symmetric uniform draws, unless said otherwise.

    Sides and places are shares of the tensor's side, grey levels lie in [0, 1].
    """

    rotation: float = 0.2  #: Radians.
    shear: float = 0.08
    shift: float = 0.12
    #: Logarithm of the zoom of both axes.
    zoom: float = 0.27
    #: Logarithm of the factor by which the width grows while the height shrinks: up to 1.49 between the two.
    stretch: float = 0.2
    #: Logarithm of the gain of each band of detail, fine to coarse, moved together: from blurred to sharpened.
    sharpness: tuple[float, ...] = (0.9, 0.6, 0.45, 0.35, 0.25)
    #: Standard deviation of each band's own part of that logarithm.
    band_jitter: float = 0.25
    #: Logarithm of the contrast of the coarse base.
    contrast: float = 0.35
    brightness: float = 0.12
    #: Grey levels across the image of a slope from left to right, one from top to bottom, and a hollow.
    slope: tuple[float, float] = (0.12, 0.15)
    hollow: float = 0.4
    #: Logarithm of gamma.
    gamma: float = 0.45
    #: Rectangles of one grey level: (chance, least side, greatest side). The small ones stand for side markers.
    patches: tuple[tuple[float, float, float], ...] = ((0.5, 0.03, 0.08), (0.3, 0.03, 0.08), (0.3, 0.1, 0.35))
    #: Chance of black borders, and the widest one.
    border: tuple[float, float] = (0.15, 0.09)
    #: Greatest standard deviation of noise.
    noise: float = 0.02


@dataclass(frozen=True, slots=True)
class RobustRecipe:
    """A recipe against shortcuts: normalised input, strong disturbances, averaged weights."""

    name: str
    preprocess_version: str
    batch_size: int
    epochs: int
    #: Of AdamW, at the top: it rises over the first epoch, then falls as a cosine to nothing.
    learning_rate: float
    #: Times the learning rate; on kernels only.
    weight_decay: float
    #: Greatest norm of the whole gradient.
    gradient_norm: float
    #: Targets are drawn towards 0.5 by this share.
    label_smoothing: float
    #: Of the exponential moving average of the weights, a step.
    averaging: float
    #: Batches from which the batch statistics of the averaged weights are estimated again, without dropout.
    statistics_batches: int
    disturbances: Disturbances = field(default_factory=Disturbances)


#: The paper's: no flips (a flip moves the heart to the right), RMSprop at Keras' default rate.
PAPER = Recipe(
    name="paper",
    preprocess_version=AREA,
    rotation_degrees=30.0,
    zoom=0.2,
    shift=0.1,
    batch_size=32,
    epochs=12,
    learning_rate=1e-3,
    plateau_patience=2,
    plateau_factor=0.3,
    minimum_learning_rate=1e-6,
)

#: Ours: see docs/model.md for what was tried beside it. Both classes weigh the same.
ROBUST = RobustRecipe(
    name="robust",
    preprocess_version=BANDS,
    batch_size=32,
    epochs=20,
    learning_rate=1e-3,
    weight_decay=1e-2,
    gradient_norm=5.0,
    label_smoothing=0.05,
    averaging=0.995,
    statistics_batches=80,
)

#: What `find_recipe` gives.
AnyRecipe = Recipe | RobustRecipe

_RECIPES: dict[str, AnyRecipe] = {recipe.name: recipe for recipe in (PAPER, ROBUST)}


def find_recipe(name: str) -> AnyRecipe:
    """Give the recipe of that name; ConfigurationInvalid names the known ones."""
    if name not in _RECIPES:
        raise ConfigurationInvalid(f"no recipe {name!r}; known: {', '.join(sorted(_RECIPES))}")
    return _RECIPES[name]
