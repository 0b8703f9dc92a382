"""`cxr-triage failed`: what the service gave up on, and trying it again."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from admin.changes import DryRunOption, YesOption, confirm, operator
from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption
from admin.output import console, print_json, print_table
from db import deliveries, delivery_choice, reprocessing
from db.delivery_choice import DeliveryChoice
from db.reprocessing import Request, Selection
from db.session import Engine
from db.tables import Study
from domain.errors import Rejected
from domain.study import DeliveryState, StudyStatus

app = typer.Typer(help="What the service gave up on: studies for a human to read, and reports not sent.")

_COLUMNS = ("what", "id", "study_instance_uid", "since", "attempts", "destination", "last_error")


@app.command("list")
def list_failed(config: ConfigOption = None, data_dir: DataDirOption = None, json_output: JsonOption = False) -> None:
    """List every FAILED study, which needs a human read, and every FAILED delivery."""
    rows = _failed(open_database(config, data_dir))
    if json_output:
        print_json(rows)
        return
    print_table(_COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))


@app.command("retry")
def retry(
    studies: Annotated[list[str] | None, typer.Argument(help="Study Instance UIDs.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that `failed list` shows.")] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Read FAILED studies again, and send the FAILED reports of these studies again, both from the first attempt."""
    if bool(studies) == every:
        raise Rejected("say which: Study Instance UIDs, or --all")
    engine = open_database(config, data_dir)
    rows = [row for row in _failed(engine) if every or row["study_instance_uid"] in (studies or [])]
    if unknown := sorted(set(studies or []) - {row["study_instance_uid"] for row in rows}):
        raise Rejected(f"nothing of it has failed: {', '.join(unknown)}")
    if not rows and not dry_run:
        raise Rejected("nothing has failed: nothing is tried again")
    if not dry_run:
        confirm(f"Try {len(rows)} again?", yes=yes)
        rows = [row for row in rows if _try_again(engine, row)]
    if json_output:
        print_json({"dry_run": dry_run, "tried_again": rows})
        return
    console.print(f"{len(rows)} {'would be' if dry_run else 'are being'} tried again")
    print_table(_COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))


def _failed(engine: Engine) -> list[dict[str, Any]]:
    studies = reprocessing.select_studies(engine, Selection(status=StudyStatus.FAILED))
    unsent = delivery_choice.chosen(engine, DeliveryChoice(state=DeliveryState.FAILED))
    return [_study_row(study) for study in studies] + [
        {
            "what": "delivery",
            "id": delivery.id,
            "study_instance_uid": study.study_instance_uid,
            "since": delivery.next_attempt_at,
            "attempts": delivery.attempts,
            "destination": delivery.destination,
            "last_error": delivery.last_error,
        }
        for delivery, _, study in unsent
    ]


def _study_row(study: Study) -> dict[str, Any]:
    return {
        "what": "study",
        "id": study.id,
        "study_instance_uid": study.study_instance_uid,
        "since": study.analysis_started_at,
        "attempts": study.attempts,
        "destination": None,
        "last_error": study.last_error,
    }


def _try_again(engine: Engine, row: dict[str, Any]) -> bool:
    """Say whether it was moved: somebody else may have done so since it was listed."""
    now, by = datetime.now(UTC), operator()
    if row["what"] == "study":
        return reprocessing.reprocess(engine, row["id"], now, Request(by)) is not None
    return deliveries.resend(engine, [row["id"]], now, by) == 1
