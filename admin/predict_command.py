"""`cxr-triage predict`: read files offline, by the live path, without a service."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from admin.child_process import ChildProcess
from admin.files import expand, is_picture
from admin.heatmap_output import write_overlay
from admin.logs import configure_quiet_logging
from admin.options import ConfigOption, JsonOption, settings_from
from admin.output import print_json, print_table
from domain.errors import CxrTriageError, ProcessDied, Rejected
from domain.finding import Assessment
from worker.model_versions import ModelVersions
from worker.pipeline import Pipeline, Reading, StoredImage


@dataclass(frozen=True, slots=True)
class Prediction:
    """One line of the answer."""

    file: str
    status: Literal["analysed", "refused", "failed"]
    #: Refusal code, or the error's name.
    code: str | None
    #: The code in words, with what was measured.
    reason: str | None
    #: Calibrated, in [0, 1].
    probability: float | None
    assessment: str


def predict(
    files: Annotated[list[Path], typer.Argument(help="DICOM, JPEG or PNG files; a folder means all in it.")],
    heat_map: Annotated[
        Path | None,
        typer.Option("--heat-map", metavar="DIR", help="Write a PNG with the heat map of each suspected image."),
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Read X-ray files and print what the network says; nothing is stored or sent.

    With --json, one object a line. Exit status 1 if a file failed (refused is an answer, not a failure).
    A file that ends or hangs the process that reads it has failed; the others are read all the same.
    """
    patience = settings_from(config).analysis.hard_time_limit_seconds
    chosen = list(expand(files))
    if heat_map is not None and heat_map.exists() and not heat_map.is_dir():
        raise Rejected(f"--heat-map: {heat_map} is not a folder")
    if not chosen:
        raise Rejected(f"no files to read in {', '.join(map(str, files))}")
    with ChildProcess(partial(_predictor, config, heat_map), patience) as reader:
        predictions = (_ask(reader, file) for file in chosen)
        failed = _print_lines(predictions) if json_output else _print_table(predictions)
    raise typer.Exit(1 if failed else 0)


def _ask(reader: ChildProcess[Path, Prediction], file: Path) -> Prediction:
    try:
        return reader.ask(file)
    except ProcessDied as error:
        return _failure(file, type(error).__name__, str(error))


def _predictor(config: Path | None, heat_maps: Path | None) -> Callable[[Path], Prediction]:
    """Load the network, in the process that reads, and give what reads one file."""
    configure_quiet_logging()
    pipeline = ModelVersions.offline(settings_from(config), keeps_heat_maps=heat_maps is not None).current()
    return partial(_predict_one, pipeline, heat_maps)


def _predict_one(pipeline: Pipeline, heat_maps: Path | None, file: Path) -> Prediction:
    """Read one file of any kind; what is wrong with it is said in the prediction."""
    try:
        reading = pipeline.read_picture(file) if is_picture(file) else pipeline.read_study([StoredImage("file", file)])
        # Of an image without suspicion the map says nothing: its heat is all but zero, and colours would blow it up.
        explained = reading.explained
        if heat_maps is not None and explained is not None and reading.assessment is Assessment.SUSPECTED:
            heat_maps.mkdir(parents=True, exist_ok=True)
            write_overlay(heat_maps / f"{file.name}.png", explained.image, explained.heat_map)
    except CxrTriageError as error:
        return _failure(file, type(error).__name__, str(error))
    except OSError as error:
        return _failure(file, "StoreUnavailable", str(error.strerror))
    return _prediction(file, reading)


def _failure(file: Path, code: str, reason: str) -> Prediction:
    return Prediction(str(file), "failed", code, reason, None, "undetermined")


def _prediction(file: Path, reading: Reading) -> Prediction:
    refusal = reading.refusal
    return Prediction(
        file=str(file),
        status="refused" if refusal else "analysed",
        code=refusal.code.value if refusal else None,
        reason=str(refusal) if refusal else None,
        probability=reading.probability,
        assessment=reading.assessment.value,
    )


def _print_lines(predictions: Iterable[Prediction]) -> int:
    failed = 0
    for prediction in predictions:
        print_json(asdict(prediction))
        failed += prediction.status == "failed"
    return failed


def _print_table(predictions: Iterable[Prediction]) -> int:
    done = list(predictions)
    rows = [(p.file, p.status, p.probability, p.assessment, p.reason) for p in done]
    print_table(("file", "status", "probability", "assessment", "reason"), rows)
    return sum(p.status == "failed" for p in done)
