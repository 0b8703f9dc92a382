"""`cxr-triage predict`: read files offline, by the live path, without a service."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from admin.files import expand, is_picture
from admin.heatmap_output import write_overlay
from admin.options import ConfigOption, JsonOption, settings_from
from admin.output import print_json, print_table
from domain.errors import CxrTriageError, Rejected
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
    """
    pipeline = ModelVersions.offline(settings_from(config), keeps_heat_maps=heat_map is not None).current()
    predictions = (_predict_one(pipeline, file, heat_map) for file in expand(files))
    failed = _print_lines(predictions) if json_output else _print_table(predictions)
    raise typer.Exit(1 if failed else 0)


def _predict_one(pipeline: Pipeline, file: Path, heat_maps: Path | None) -> Prediction:
    """Read one file of any kind; what is wrong with it is said in the prediction."""
    try:
        if not file.is_file():
            raise Rejected("no such file")
        reading = pipeline.read_picture(file) if is_picture(file) else pipeline.read_study([StoredImage("file", file)])
        # Of an image without suspicion the map says nothing: its heat is all but zero, and colours would blow it up.
        explained = reading.explained
        if heat_maps is not None and explained is not None and reading.assessment is Assessment.SUSPECTED:
            heat_maps.mkdir(parents=True, exist_ok=True)
            write_overlay(heat_maps / f"{file.name}.png", explained.image, explained.heat_map)
    except CxrTriageError as error:
        return Prediction(str(file), "failed", type(error).__name__, str(error), None, "undetermined")
    except OSError as error:
        return Prediction(str(file), "failed", "StoreUnavailable", str(error.strerror), None, "undetermined")
    return _prediction(file, reading)


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
