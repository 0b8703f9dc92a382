"""`cxr-triage studies`: list them, and show everything known of one."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from admin import studies_export, studies_find
from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption
from admin.output import cell, console, print_json, print_table
from db import deliveries, events, instances, results, studies
from db.session import Engine
from db.tables import Delivery, Result, Study
from domain.errors import Rejected
from domain.study import StudyStatus

app = typer.Typer(help="List studies, find them by patient, or show one with its history.", no_args_is_help=True)
app.command("find")(studies_find.find)
app.command("export")(studies_export.export)


@app.command("list")
def list_studies(
    status: Annotated[StudyStatus | None, typer.Option(help="Only this status.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """List studies: those that need a human read on top, then newest first."""
    engine = open_database(config, data_dir)
    rows = [_summary(engine, study) for study in studies.listed(engine, status, limit)]
    if json_output:
        print_json(rows)
        return
    columns = ("study_instance_uid", "revision", "status", "reading_priority", "assessment", "probability", "reason")
    print_table(columns, ([row[column] for column in columns] for row in rows))


@app.command("show")
def show_study(
    study_instance_uid: str,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show one study: instances, results of every revision, deliveries, events."""
    engine = open_database(config, data_dir)
    study = studies.find(engine, study_instance_uid)
    if study is None:
        raise Rejected(f"no study {study_instance_uid} was received here")
    known = _history(engine, study)
    if json_output:
        print_json(known)
        return
    for section, rows in known.items():
        _print_section(section, rows if isinstance(rows, list) else [rows])


def _summary(engine: Engine, study: Study) -> dict[str, Any]:
    history = results.of_study(engine, study.id)
    newest = history[-1] if history else None
    return {
        "study_instance_uid": study.study_instance_uid,
        "revision": study.revision,
        "status": study.status.value,
        "last_received_at": study.last_received_at,
        "last_error": study.last_error,
        **_finding(newest),
        **_call_for_a_human(study),
    }


def _call_for_a_human(study: Study) -> dict[str, Any]:
    """Say so where nothing was found, or not in the newest images: an older finding stays in the results."""
    if study.status is not StudyStatus.FAILED:
        return {}
    return _finding(None) | {"reason": f"needs a human read: {study.last_error}"}


def _finding(result: Result | None) -> dict[str, Any]:
    if result is None:
        return dict.fromkeys(("assessment", "probability", "reading_priority", "reason"))
    refusal = results.refusal_of(result)
    return {
        "assessment": result.assessment.value,
        "probability": result.probability,
        "reading_priority": result.reading_priority.value,
        "reason": str(refusal) if refusal else None,
    }


def _history(engine: Engine, study: Study) -> dict[str, Any]:
    history = results.of_study(engine, study.id)
    return {
        "study": _summary(engine, study),
        "instances": [
            {"sop_instance_uid": i.sop_instance_uid, "received_at": i.received_at, "path": i.relative_path}
            for i in instances.newest_of_study(engine, study.id)
        ],
        "results": [_result(result) for result in history],
        "deliveries": [_delivery(d) for result in history for d in deliveries.of_result(engine, result.id)],
        "events": [{"at": e.at, "kind": e.kind, **e.detail} for e in events.of_study(engine, study.id)],
    }


def _result(result: Result) -> dict[str, Any]:
    point = results.operating_point_of(result)
    return {
        "revision": result.revision,
        "model_version": result.model_version,
        **_finding(result),
        "operating_point": asdict(point) if point else None,
        "notes": result.notes,
        "created_at": result.created_at,
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "destination": delivery.destination,
        "report_uid": delivery.report_uid,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "sent_at": delivery.sent_at,
        "confirmation": delivery.confirmation,
        "last_error": delivery.last_error,
    }


def _print_section(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        console.rule(title, align="left")
    for row in rows:
        line = Text()
        for key, value in row.items():
            if value not in (None, []):
                line.append(f"{key} ", style="dim").append_text(cell(value)).append("  ")
        console.print(line)
