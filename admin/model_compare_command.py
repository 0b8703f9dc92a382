"""`cxr-triage model compare`: the network beside other methods, on the same images and by the same measures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from admin.comparison_tables import markdown, print_rows
from admin.model_options import DataOption, JsonOption, WeightsOption, chosen_version, train_extra, weights_root
from admin.training_options import DEFAULT_SEED, SAMPLES, VALIDATION_SHARE, ExcludeOption, SeedOption
from domain.errors import ConfigurationInvalid
from model.baselines import METHODS, Baseline, builder, find_methods
from model.dataset import LabelledImage, discover, patients_of_samples
from model.preprocess import AREA, check_preprocess_version
from model.run_folder import RunFolder
from model.validation import HoldOut

if TYPE_CHECKING:
    from model.comparison import Compared, Comparison

_ALL = ",".join(method.name for method in METHODS)


def compare(
    data: DataOption,
    run_dir: Annotated[Path, typer.Option("--run-dir", help="Folder that keeps each method's figures.")],
    validate_on: Annotated[HoldOut, typer.Option("--hold-out", help="What to measure on.")] = HoldOut.PATIENTS,
    methods: Annotated[str, typer.Option(help="Other methods, by comma; an empty text for none.")] = _ALL,
    preprocessing: Annotated[str, typer.Option(help="Of the image, for the other methods.")] = AREA,
    runs: Annotated[
        list[str] | None,
        typer.Option("--runs", metavar="NAME=DIR", help="Also: a finished run of `model train` with this --hold-out."),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Also: a version; if none is named, the shipped one where it may be measured.")
    ] = None,
    perturbations: Annotated[
        bool,
        typer.Option("--perturbations", help="Also: what JPEG, blur, gamma, stretch, crop, ... do to each method."),
    ] = False,
    seed: SeedOption = DEFAULT_SEED,
    resume: Annotated[bool, typer.Option(help="Keep what was measured before, or measure it anew.")] = True,
    exclude_patients_of: ExcludeOption = SAMPLES,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Tables for docs/model-comparison.md.")] = False,
) -> None:
    """Measure the other methods of the paper's Table 4, and the network, on the same images."""
    wanted = _named_runs(runs or [])
    baselines = _build(methods, seed)
    with train_extra():
        from model.comparison import Comparison, split_for  # noqa: PLC0415 - imports scikit-learn
    images, excluded = discover(data), patients_of_samples(exclude_patients_of)
    split = split_for(images, validate_on, seed=seed, share=VALIDATION_SHARE, excluded=excluded)
    comparison = Comparison(split, validate_on, check_preprocess_version(preprocessing), seed, perturbations)
    rows = _networks(comparison, images, wanted, weights_root(weights), version)
    rows += _baselines(baselines, comparison, run_dir, resume=resume)
    if not rows:
        raise ConfigurationInvalid("nothing to compare: name --methods, --runs or a --version")
    if as_json:
        typer.echo(json.dumps({**comparison.identity, "rows": [row.model_dump() for row in rows]}, indent=1))
    elif as_markdown:
        typer.echo(markdown(rows))
    else:
        print_rows(rows)


def _named_runs(runs: list[str]) -> dict[str, RunFolder]:
    named = {}
    for text in runs:
        name, separator, folder = text.partition("=")
        if not (name and separator and folder):
            raise ConfigurationInvalid(f"{text!r} names no run: write NAME=DIR, e.g. paper=runs/low-paper")
        named[name] = RunFolder(Path(folder))
    return named


def _build(methods: str, seed: int) -> dict[str, Baseline]:
    """Make all methods before anything is fitted, so that a missing library is told at once."""
    names = [name.strip() for name in methods.split(",") if name.strip()]
    with train_extra():
        return {method.name: builder(method)(seed) for method in find_methods(names)}


def _networks(
    comparison: "Comparison",
    images: list[LabelledImage],
    runs: dict[str, RunFolder],
    root: Path,
    version: str | None,
) -> list["Compared"]:
    with train_extra():
        from model import compared_networks as networks  # noqa: PLC0415 - imports TensorFlow
    console, rows = Console(stderr=True), []
    shown = chosen_version(root, version)
    if version is not None or networks.validated_alike(root, shown, comparison):
        rows.append(networks.compare_version(root, shown, comparison))
    else:
        console.print(f"{shown} is left out: it may have been trained on images of {comparison.hold_out.value}")
    for name, run in runs.items():
        with console.status(f"Measuring {name}"):
            rows.append(networks.compare_run(name, run, images, comparison))
    return rows


def _baselines(
    baselines: dict[str, Baseline], comparison: "Comparison", run_dir: Path, *, resume: bool
) -> list["Compared"]:
    from model.comparison import load, measure_baseline  # noqa: PLC0415 - imports scikit-learn
    from model.comparison_folder import ComparisonFolder  # noqa: PLC0415 - the same

    folder, console = ComparisonFolder.below(run_dir, comparison), Console(stderr=True)
    rows = {name: folder.read(name, one.setting) if resume else None for name, one in baselines.items()}
    missing = [name for name, row in rows.items() if row is None]
    if missing:
        with console.status("Reading images"):
            loaded = load(comparison.split, comparison.preprocess_version)
    for number, name in enumerate(missing, start=1):
        with console.status(f"{name}, {number} of {len(missing)}"):
            row = measure_baseline(name, baselines[name], comparison, loaded)
        folder.write(row)
        console.print(f"{name}: ROC AUC {row.figures.roc_auc:.4f}, {row.fit_seconds:.1f} s")
        rows[name] = row
    return [row for row in rows.values() if row is not None]
