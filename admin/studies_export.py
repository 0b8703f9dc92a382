"""`cxr-triage studies export`: studies and their results for other programs, with or without who they belong to."""

import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from admin.data_folder import PRIVATE
from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, SinceOption, UntilOption, moment, settings_from
from admin.progress import progress
from db import study_export
from db.tables import Result, Study
from dicom_gateway.instance_store import InstanceStore
from domain.errors import ConfigurationInvalid, Rejected
from worker.deidentify import Pseudonyms
from worker.patient_search import keys_of

_IDENTIFYING = ("patient_id", "patient_name", "accession_number", "study_date")
#: What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportFormat(StrEnum):
    """How studies are written."""

    CSV = "csv"
    #: One object a line.
    JSON = "json"


def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new file. Default: standard output.")] = None,
    file_format: Annotated[ExportFormat, typer.Option("--format", help="json: one object a line.")] = ExportFormat.CSV,
    deidentify: Annotated[
        bool,
        typer.Option("--deidentify", help="No names, IDs, accession numbers, UIDs or dates: pseudonyms and durations."),
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(help="Key of the pseudonyms, made if missing; else they fit no other export.", show_default=False),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write one row a study with its newest result; without --deidentify it holds patient data, from the headers."""
    if key_file is not None and not deidentify:
        raise Rejected("--key-file needs --deidentify")
    os.umask(PRIVATE)
    settings, engine = settings_from(config, data_dir), open_database(config, data_dir)
    store = InstanceStore(settings.service.data_dir)
    pseudonyms = Pseudonyms.of_file(key_file) if deidentify else None
    times = (moment(since), moment(until))
    with _opened(output) as file, progress("Exporting", study_export.count(engine, *times)) as on_progress:
        writer = _Writer(file, file_format)
        done = 0
        for page in study_export.pages(engine, *times):
            for study, result, images in page:
                facts = _facts(study, result, images)
                if pseudonyms is not None:
                    writer.write({"study": pseudonyms.of(study.study_instance_uid), **facts})
                    continue
                keys = keys_of(engine, store, study)
                who = {name: getattr(keys, name) if keys else "" for name in _IDENTIFYING}
                writer.write({"study_instance_uid": study.study_instance_uid, **who, **_when(study), **facts})
            done += len(page)
            on_progress(done)


def _facts(study: Study, result: Result | None, images: int) -> dict[str, Any]:
    """Give what identifies nobody."""
    point = result.operating_point if result else None
    return {
        "status": study.status.value,
        "revision": study.revision,
        "images": images,
        "seconds_to_result": _seconds(study.last_received_at, study.analysed_at),
        "seconds_to_report": _seconds(study.last_received_at, study.reported_at),
        "model_version": result.model_version if result else None,
        "assessment": result.assessment.value if result else None,
        "probability": result.probability if result else None,
        "threshold": point["threshold"] if point else None,
        "reading_priority": result.reading_priority.value if result else None,
        "refusal_code": result.refusal_code.value if result and result.refusal_code else None,
    }


def _when(study: Study) -> dict[str, str | None]:
    times = {"received_at": study.last_received_at, "analysed_at": study.analysed_at, "reported_at": study.reported_at}
    return {name: at.isoformat() if at else None for name, at in times.items()}


def _seconds(earlier: datetime, later: datetime | None) -> float | None:
    return round((later - earlier).total_seconds(), 1) if later else None


class _Writer:
    """Writes rows as one format; the first row gives the columns."""

    def __init__(self, file: TextIO, file_format: ExportFormat) -> None:
        self._file = file
        self._format = file_format
        self._table: csv.DictWriter[str] | None = None

    def write(self, row: dict[str, Any]) -> None:
        """Write one row."""
        if self._format is ExportFormat.JSON:
            self._file.write(f"{json.dumps(row, ensure_ascii=False)}\n")
            return
        if self._table is None:
            self._table = csv.DictWriter(self._file, list(row))
            self._table.writeheader()
        self._table.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: Any) -> Any:  # noqa: ANN401 - any value of a row
    """Keep a spreadsheet from running what a sender wrote into a header."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("x", newline="", encoding="utf-8")
    except OSError as error:
        raise ConfigurationInvalid(f"{output} cannot be made: {error.strerror}") from error
    with file:
        yield file
