"""`cxr-triage reprocess`: read finished studies again, as a new revision each."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from admin.changes import YesOption, confirm, operator
from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption, moment
from admin.output import console, print_json
from db import reprocessing
from db.reprocessing import Selection
from domain.errors import Rejected
from domain.study import StudyStatus


def reprocess(
    study: Annotated[str | None, typer.Option("--study", help="One Study Instance UID.", show_default=False)] = None,
    status: Annotated[StudyStatus | None, typer.Option(help="Only this status.", show_default=False)] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Received since, ISO 8601; local time unless it names a zone.", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every finished study.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Read finished studies again: each gets a new revision, a new result and a new report."""
    selection = Selection(study, status, moment(since))
    if selection == Selection() and not every:
        raise Rejected("say which: --study, --status, --since, or --all")
    engine = open_database(config, data_dir)
    chosen = reprocessing.select_studies(engine, selection)
    if study is not None and not chosen:
        raise Rejected(f"study {study} is unknown here, or not finished yet")
    if dry_run:
        _tell(json_output, len(chosen), 0, [s.study_instance_uid for s in chosen])
        return
    if not chosen:
        raise Rejected("no finished study matches: nothing is reprocessed")
    confirm(f"Reprocess {len(chosen)} studies?", yes=yes)
    now = datetime.now(UTC)
    done = [s.study_instance_uid for s in chosen if reprocessing.reprocess(engine, s.id, now, operator()) is not None]
    _tell(json_output, len(chosen), len(done), done)


def _tell(json_output: bool, matched: int, reprocessed: int, study_instance_uids: list[str]) -> None:
    if json_output:
        print_json({"matched": matched, "reprocessed": reprocessed, "study_instance_uids": study_instance_uids})
        return
    console.print(f"{matched} studies matched, {reprocessed} are being reprocessed")
    for uid in study_instance_uids[:20]:
        console.print(f"  {uid}")
    if len(study_instance_uids) > 20:  # noqa: PLR2004 - a screenful
        console.print(f"  and {len(study_instance_uids) - 20} more")
