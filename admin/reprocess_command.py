"""`cxr-triage reprocess`: read finished studies again, as a new revision each, while live studies go first."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from admin.changes import DryRunOption, YesOption, confirm, operator
from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption, SinceOption, UntilOption, moment, settings_from
from admin.output import console, print_json
from admin.progress import progress
from admin.study_search import AccessionOption, PatientOption, found_by_patient
from config.settings import Settings
from db import reprocess_runs, reprocessing
from db.reprocessing import Selection
from db.session import Engine
from db.tables import Study
from domain.errors import Rejected
from domain.finding import Assessment
from domain.study import StudyStatus
from worker.bulk_reprocessing import BulkReprocessing, Run
from worker.model_versions import ModelVersions
from worker.patient_search import PatientQuery

#: Seconds between two looks at how far a run is.
_LOOK_SECONDS = 0.5
#: UIDs that are printed: a screenful.
_SHOWN = 20


def reprocess(
    study: Annotated[
        list[str] | None, typer.Option("--study", help="A Study Instance UID; may be repeated.", show_default=False)
    ] = None,
    patient_id: PatientOption = None,
    accession: AccessionOption = None,
    status: Annotated[StudyStatus | None, typer.Option(help="Only this status.", show_default=False)] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    model_version: Annotated[
        str | None, typer.Option(help="Whose newest result is of this version.", show_default=False)
    ] = None,
    assessment: Annotated[
        Assessment | None, typer.Option(help="Whose newest result says this.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every finished study.")] = False,
    model: Annotated[
        str | None, typer.Option(help="Have this version read them; else the active one.", show_default=False)
    ] = None,
    expect: Annotated[
        int | None, typer.Option(help="Refuse unless exactly so many match.", min=0, show_default=False)
    ] = None,
    wait: Annotated[
        bool | None, typer.Option("--wait/--no-wait", help="Stay until all are read. Default: on a terminal.")
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Read finished studies again: each gets a new revision, a new result and a new report.

    Studies that come in meanwhile go first. Called again after an interruption, the same command goes on.
    """
    uids = tuple(study) if study else None
    selection = Selection(uids, status, moment(since), moment(until), model_version, assessment)
    query = PatientQuery(patient_id, accession)
    if selection == Selection() and query == PatientQuery(None, None) and not every:
        raise Rejected("say which: --study, --patient-id, --status, --since, …, or --all")
    settings = settings_from(config, data_dir)
    engine = open_database(config, data_dir)
    if model is not None:
        ModelVersions.offline(settings).reader(model)
    if query != PatientQuery(None, None):
        selection = _of_patient(settings, engine, selection, query)
    bulk = BulkReprocessing(engine, selection, model, operator())
    run = None if dry_run else bulk.find()
    if run is None:
        chosen = _chosen(engine, selection, uids, expect, dry_run=dry_run, json_output=json_output)
        confirm(f"Reprocess {len(chosen)} studies?", yes=yes)
        run = bulk.begin(tuple(row.id for row in chosen))
    else:
        _check_number(run.total, expect)
        confirm(f"This is under way: {run.before.done} of {run.total} studies are read. Go on with it?", yes=yes)
    opened = _open(bulk, run)
    if wait if wait is not None else sys.stderr.isatty():
        _follow(engine, run)
    _tell(engine, run, opened, json_output=json_output)


def _of_patient(settings: Settings, engine: Engine, selection: Selection, query: PatientQuery) -> Selection:
    """Add the search in the headers to a selection; what is searched for is kept nowhere."""
    found = found_by_patient(settings, engine, query, selection.since, selection.until)
    uids = {study.study_instance_uid for study, _ in found}
    if selection.study_instance_uids is not None:
        uids &= set(selection.study_instance_uids)
    return replace(selection, study_instance_uids=tuple(sorted(uids)))


def _chosen(
    engine: Engine,
    selection: Selection,
    uids: Sequence[str] | None,
    expect: int | None,
    *,
    dry_run: bool,
    json_output: bool,
) -> Sequence[Study]:
    """Give the studies that are meant; a dry run ends here, with what they are."""
    chosen, gone = reprocessing.select_studies(engine, selection), reprocessing.without_images(engine, selection)
    _check_unknown(uids, chosen, gone)
    _check_number(len(chosen), expect)
    if dry_run:
        _tell_dry(chosen, gone, json_output=json_output)
        raise typer.Exit
    if not chosen:
        raise Rejected("no finished study matches: nothing is reprocessed")
    return chosen


def _check_unknown(uids: Sequence[str] | None, chosen: Sequence[Study], gone: Sequence[str]) -> None:
    """Raise Rejected for Study Instance UIDs that would be left out without a word."""
    if purged := [uid for uid in uids or () if uid in gone]:
        raise Rejected(f"images removed after their retention time; have them sent again: {', '.join(purged[:_SHOWN])}")
    known = {study.study_instance_uid for study in chosen}
    if missing := [uid for uid in uids or () if uid not in known]:
        raise Rejected(f"unknown here, not finished yet, or not of that choice: {', '.join(missing[:_SHOWN])}")


def _check_number(matched: int, expect: int | None) -> None:
    if expect is not None and matched != expect:
        raise Rejected(f"{matched} studies match, {expect} were expected: nothing was changed")


def _tell_dry(chosen: Sequence[Study], gone: Sequence[str], *, json_output: bool) -> None:
    uids = [study.study_instance_uid for study in chosen]
    by_status = dict(Counter(study.status.value for study in chosen))
    if json_output:
        facts = {"matched": len(uids), "reprocessed": 0, "by_status": by_status, "study_instance_uids": uids}
        print_json({**facts, "without_images": list(gone)})
        return
    counts = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items()))
    console.print(f"{len(uids)} studies match{f' ({counts})' if counts else ''}; nothing was changed")
    for uid in uids[:_SHOWN]:
        console.print(f"  {uid}")
    if len(uids) > _SHOWN:
        console.print(f"  and {len(uids) - _SHOWN} more")
    if gone:
        console.print(f"{len(gone)} more cannot be read again: their images were removed after their retention time")


def _open(bulk: BulkReprocessing, run: Run) -> int:
    with progress("Opening revisions", len(run.study_ids)) as on_progress:
        return bulk.open_all(run, on_progress)


def _follow(engine: Engine, run: Run) -> None:
    """Show how far the service is, until it is through; Ctrl-C ends only the showing."""
    with progress("Reading again", run.total) as on_progress:
        try:
            while not (now := reprocess_runs.progress(engine, run.name)).is_over:
                on_progress(now.done)
                time.sleep(_LOOK_SECONDS)
            on_progress(now.done)
        except KeyboardInterrupt:
            console.print("the service goes on with it; the same command, called again, shows how far it is")


def _tell(engine: Engine, run: Run, opened: int, *, json_output: bool) -> None:
    now = reprocess_runs.progress(engine, run.name)
    if json_output:
        counts = {"matched": run.total, "reprocessed": opened, "run": run.name}
        print_json({**counts, "done": now.done, "failed": now.failed})
        return
    console.print(f"{run.total} studies matched, {opened} are being reprocessed; {now.done} done, {now.failed} FAILED")
