"""`cxr-triage failed`: what the service gave up on, and trying it again."""

from dataclasses import asdict
from typing import Annotated

import typer

from admin.changes import DryRunOption, YesOption, confirm, operator
from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption
from admin.output import console, print_json, print_table
from db import failures
from domain.clock import utc_now
from domain.errors import Rejected

app = typer.Typer(help="What the service gave up on: studies for a human to read, and reports not sent.")

_COLUMNS = ("what", "id", "study_instance_uid", "since", "attempts", "destination", "last_error")


@app.command("list")
def list_failed(config: ConfigOption = None, data_dir: DataDirOption = None, json_output: JsonOption = False) -> None:
    """List every FAILED study, which needs a human read, and every FAILED delivery."""
    rows = [asdict(row) for row in failures.listed(open_database(config, data_dir))]
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
    found = [row for row in failures.listed(engine) if every or row.study_instance_uid in (studies or [])]
    if unknown := sorted(set(studies or []) - {row.study_instance_uid for row in found}):
        raise Rejected(f"nothing of it has failed: {', '.join(unknown)}")
    if not found and not dry_run:
        raise Rejected("nothing has failed: nothing is tried again")
    if not dry_run:
        confirm(f"Try {len(found)} again?", yes=yes)
        found = [row for row in found if failures.try_again(engine, row, utc_now(), operator())]
    rows = [asdict(row) for row in found]
    if json_output:
        print_json({"dry_run": dry_run, "tried_again": rows})
        return
    console.print(f"{len(rows)} {'would be' if dry_run else 'are being'} tried again")
    print_table(_COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))
