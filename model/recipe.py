"""Training recipes: every value that shapes the weights, by name."""

from dataclasses import dataclass

from domain.errors import ConfigurationInvalid


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training run is made of, besides its data and its seed."""

    name: str
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


#: The paper's: no flips (a flip moves the heart to the right), RMSprop at Keras' default rate.
PAPER = Recipe(
    name="paper",
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

_RECIPES = {recipe.name: recipe for recipe in (PAPER,)}


def find_recipe(name: str) -> Recipe:
    """Give the recipe of that name; ConfigurationInvalid names the known ones."""
    if name not in _RECIPES:
        raise ConfigurationInvalid(f"no recipe {name!r}; known: {', '.join(sorted(_RECIPES))}")
    return _RECIPES[name]
