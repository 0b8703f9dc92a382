"""`cxr-triage purge`: remove images that are not needed any more, now instead of when their time is over."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from admin.changes import DryRunOption, YesOption, confirm, operator
from admin.options import ConfigOption, DataDirOption, JsonOption, settings_from
from admin.output import console, print_json, print_table
from db import retention as retention_rows
from db import schema
from db.retention import Purgeable
from domain.clock import utc_now
from domain.errors import Rejected
from worker.bootstrap import Collaborators
from worker.retention import Retention

#: More than any hospital has: a bound for one listing.
_EVERY = 10_000_000
#: Rows that are printed: a screenful.
_SHOWN = 20


def purge(
    older_than: Annotated[
        float | None,
        typer.Option(metavar="DAYS", min=0, help="Reported longer ago. Default: retention.retain_days."),
    ] = None,
    study: Annotated[str | None, typer.Option("--study", help="Only this study.", show_default=False)] = None,
    orphans: Annotated[
        bool,
        typer.Option("--orphans", help="Instead: files that no row speaks of. Never after a database was put back."),
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Remove the images of reported studies whose every report is delivered; results, reports and events stay.

    The service does this by itself ([retention] in the settings).
    """
    settings = settings_from(config, data_dir)
    collaborators = Collaborators(settings)
    schema.require_newest(collaborators.engine)
    if orphans:
        _purge_orphans(collaborators.retention, dry_run=dry_run, yes=yes, json_output=json_output)
        return
    days = settings.retention.retain_days if older_than is None else older_than
    if older_than is None and not days:
        raise Rejected("retention.retain_days is 0: say --older-than DAYS")
    reported_before = utc_now() - timedelta(days=days)
    found = retention_rows.purgeable(collaborators.engine, reported_before, _EVERY, study)
    if study is not None and not found:
        raise Rejected(f"its images stay, or are gone already: `cxr-triage why {study}` says where it stands")
    if dry_run:
        _tell_dry(found, json_output=json_output)
        return
    confirm(f"Remove the images of {len(found)} studies ({_megabytes(found)})?", yes=yes)
    purged = collaborators.retention.purge(found, reported_before, by=operator(), reason="asked for")
    if json_output:
        print_json(asdict(purged))
        return
    megabytes = purged.size_bytes / 10**6
    console.print(f"the images of {purged.studies} studies are removed: {purged.instances} files, {megabytes:.1f} MB")


def _tell_dry(found: list[Purgeable], *, json_output: bool) -> None:
    rows: list[dict[str, Any]] = [asdict(study) for study in found]
    if json_output:
        print_json({"studies": len(found), "bytes": sum(study.size_bytes for study in found), "list": rows})
        return
    console.print(f"the images of {len(found)} studies ({_megabytes(found)}) would be removed")
    columns = ("study_instance_uid", "reported_at", "instances", "size_bytes")
    print_table(columns, ([row[column] for column in columns] for row in rows[:_SHOWN]))


def _megabytes(found: list[Purgeable]) -> str:
    return f"{sum(study.size_bytes for study in found) / 10**6:.1f} MB"


def _purge_orphans(retention: Retention, *, dry_run: bool, yes: bool, json_output: bool) -> None:
    paths = retention.orphans()
    removed = 0
    if not dry_run:
        confirm(f"Remove {len(paths)} files that no row speaks of?", yes=yes)
        removed = retention.remove_orphans(paths, operator())
    if json_output:
        print_json({"orphans": paths, "removed": removed})
        return
    console.print(f"{len(paths)} files without a row, {removed} removed (those of the last hour stay)")
    for path in paths[:_SHOWN]:
        console.print(f"  {path}", soft_wrap=True)
