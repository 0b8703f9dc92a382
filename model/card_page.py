"""A model card as a Markdown page, from card.json alone: docs/model-card.md is that of the shipped version."""

from collections.abc import Iterator, Sequence

from domain.distribution import BINS
from model.card import ModelCard, ProbabilityReference
from model.card_rows import CURVE_COLUMNS, at_thresholds, curve_rows, figure_cell, rate_rows
from model.figures import Figures


def card_page(card: ModelCard) -> str:
    """Write the page: what the version is for, how it was made, every figure with its data set."""
    parts = [
        f"# Model card: {card.name} {card.version}",
        f"By {card.manufacturer}; {card.parameters:,} parameters; weights under {card.licence}.",
        _section("Intended use", [card.intended_use]),
        _section("Limits", ["\n".join(f"- {limit}" for limit in card.limits)]),
        _section("Population", [_population(card)]),
        _section("Data", list(_data(card))),
        _section("How it was made", list(_making(card))),
        _section("From logit to answer", list(_answering(card))),
        *(_section("Figures", list(_figures(figures))) for figures in card.figures),
        _section("Files", [_table(("file", "sha256"), [(f"`{n}`", f"`{h}`") for n, h in sorted(card.files.items())])]),
    ]
    if card.reference is not None:
        parts.insert(-1, _section("Spread of the probabilities", list(_reference(card.reference))))
    if card.curve:
        parts.append(_section("Training curve", list(_curve(card))))
    return "\n\n".join(parts) + "\n"


def _section(title: str, paragraphs: Sequence[str]) -> str:
    return "\n\n".join((f"## {title}", *paragraphs))


def _population(card: ModelCard) -> str:
    population = card.population
    return f"{population.text}. Ages {population.age_years_min:g} to {population.age_years_max:g} years, completed."


def _data(card: ModelCard) -> Iterator[str]:
    data = card.training_data
    yield f"{data.name}; DOI {data.doi}; licence {data.licence}. {data.text}"
    yield f"Trained on {data.training_images:,} images of {data.training_patients:,} patients."
    if card.excluded_patients:
        yield f"In neither training nor validation: {', '.join(card.excluded_patients)}."


def _making(card: ModelCard) -> Iterator[str]:
    recipe = card.recipe
    if recipe is None:
        yield "Trained elsewhere."
    else:
        yield (
            f"Recipe {recipe.name}, seed {recipe.seed}, weights of epoch {recipe.best_epoch} of {recipe.epochs}; "
            f"TensorFlow {recipe.tensorflow_version}, Keras {recipe.keras_version}."
        )
    yield (
        f"Input: preprocessing {card.preprocess_version}. ONNX Runtime and Keras differ on the validation images by "
        f"{card.conversion.probability_difference:.1e} in the probability and "
        f"{card.conversion.heat_map_difference:.1e} in the heat map, at most."
    )


def _answering(card: ModelCard) -> Iterator[str]:
    calibration = card.calibration
    yield (
        f"Probability = sigmoid(logit / {calibration.temperature:.4f} + {calibration.bias:.4f}), fitted on: "
        f"{calibration.fitted_on}."
    )
    rows = [
        (
            f"{point.name} (default)" if point.name == card.default_operating_point else point.name,
            *(f"{value:.4f}" for value in (point.threshold, point.sensitivity, point.specificity)),
            point.measured_on,
        )
        for point in card.operating_points
    ]
    yield _table(("operating point", "threshold", "sensitivity", "specificity", "measured on"), rows)


def _figures(figures: Figures) -> Iterator[str]:
    yield f"On {figures.data_set}: {figures.n} scored, {figures.refused} refused by the input gate."
    yield (
        f"ROC AUC {figure_cell(figures.roc_auc)}, PR AUC {figure_cell(figures.pr_auc)}, Brier score "
        f"{figures.brier:.4f}, expected calibration error {figures.ece:.4f}."
    )
    yield _table(("", *at_thresholds(figures)), list(rate_rows(figures)))


def _reference(reference: ProbabilityReference) -> Iterator[str]:
    yield (
        f"What live probabilities are held against. On {reference.data_set}, share of pneumonia "
        f"{reference.spread.prevalence:.3f}; images in each bin:"
    )
    bins = [f"{number / BINS:.1f}" for number in range(BINS)]
    rows = [(name, *map(str, getattr(reference, name))) for name in ("normal", "pneumonia")]
    yield _table(("from", *bins), rows)


def _curve(card: ModelCard) -> Iterator[str]:
    yield "Accuracy at 0.5, uncalibrated."
    yield _table(CURVE_COLUMNS, list(curve_rows(card.curve)))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
