"""`cxr-triage model gate`: what a version's input gate refuses."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from admin.model_options import (
    DataOption,
    JsonOption,
    WeightsOption,
    chosen_images,
    chosen_version,
    train_extra,
    weights_root,
)
from admin.output import print_table
from model.card import read_patients
from model.dataset import LabelledImage, discover, of_patients
from model.gated_classifier import GatedClassifier, Image

if TYPE_CHECKING:
    from model.gate_fit import FeaturesOf
    from model.gate_report import Shares


def gate(
    data: DataOption,
    version: Annotated[str | None, typer.Option(help="Version [default: the shipped one].")] = None,
    every: Annotated[int, typer.Option(min=1, help="Change and turn only every so many-th chest.")] = 4,
    negatives: Annotated[int, typer.Option(min=1, help="Images of each kind that is no chest.")] = 200,
    left_out: Annotated[
        bool,
        typer.Option(
            "--left-out",
            help="Also: fit a gate without each family of negatives and judge it on that family; needs the training "
            "images in --data, and ten minutes.",
        ),
    ] = False,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a version's input gate: chests as they are, changed and turned, and images that are no chest."""
    with train_extra():
        from model import gate_report  # noqa: PLC0415 - imports scikit-learn
        from model.gate_data import read_chests  # noqa: PLC0415 - the same
        from model.gate_version import features_of_network  # noqa: PLC0415 - the same
    root = weights_root(weights)
    serving = GatedClassifier.load(root, chosen_version(root, version))
    features_of = features_of_network(serving.classifier.network, serving.card.preprocess_version)
    chests = read_chests(chosen_images(root, serving.card, data)[0])
    with Console(stderr=True).status("Judging") as status:
        tables = gate_report.judge_all(
            serving.gate, features_of, chests, every=every, count=negatives, tell=status.update
        )
        if left_out:
            status.update("images that are no chest, of families that were not fitted")
            trained_on = of_patients(discover(data), read_patients(root / serving.card.version, serving.card).training)
            tables["no chest, family not fitted"] = _judge_left_out(features_of, trained_on, chests[::every], negatives)
    _print(tables, as_json=as_json)


def _judge_left_out(
    features_of: "FeaturesOf", trained_on: list[LabelledImage], chests: list[Image], count: int
) -> dict[str, "Shares"]:
    from model.gate_data import photographs  # noqa: PLC0415 - imports scikit-learn
    from model.gate_report import judge_left_out  # noqa: PLC0415 - the same
    from model.gate_version import describe_for_version  # noqa: PLC0415 - the same

    described, limits = describe_for_version(features_of, trained_on)
    return judge_left_out(described, limits, features_of, chests=chests, pictures=photographs(), count=count)


def _print(tables: dict[str, dict[str, "Shares"]], *, as_json: bool) -> None:
    if as_json:
        rows = {title: {name: asdict(row) for name, row in table.items()} for title, table in tables.items()}
        typer.echo(json.dumps(rows, indent=1))
        return
    for title, table in tables.items():
        columns = (title, "images", "scored as it stands", "put right", "turned wrongly", "refused")
        print_table(columns, [(name, *asdict(row).values()) for name, row in table.items()])
