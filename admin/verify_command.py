"""`cxr-triage verify`: whether every acknowledged instance is there, and is what was acknowledged."""

from typing import Annotated, Any

import typer

from admin.options import ConfigOption, DataDirOption, JsonOption, settings_from
from admin.output import console, print_json, print_table
from admin.progress import progress
from db import kept_instances, schema
from db.tables import Instance
from domain.errors import Rejected
from worker.bootstrap import Collaborators
from worker.store_check import Checked, StoreCheck


def verify(
    study: Annotated[
        str | None, typer.Option("--study", help="Only this Study Instance UID.", show_default=False)
    ] = None,
    only_look: Annotated[
        bool, typer.Option("--only-look", help="Write nothing down; without it damage is noted as the service does.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Hold every stored file against the checksum of its acknowledgement; exit status 1 if one is missing or altered.

    What is damaged is noted: the same bytes, sent again, then mend it.
    """
    collaborators = Collaborators(settings_from(config, data_dir))
    schema.require_newest(collaborators.engine)
    total = kept_instances.count(collaborators.engine, study)
    if study is not None and not total:
        raise Rejected(f"nothing of study {study} is kept here")
    check = StoreCheck(collaborators.engine, collaborators.store)
    with progress("Verifying", total) as on_progress:
        checked = check.check_all(study, on_progress, notes=not only_look)
    _tell(checked, json_output=json_output)
    raise typer.Exit(1 if checked.damaged else 0)


def _tell(checked: Checked, *, json_output: bool) -> None:
    damaged = [_row(*found) for found in checked.damaged]
    whole_again = [_row(*found) for found in checked.whole_again]
    if json_output:
        counts = {"instances": checked.count, "bytes": checked.size_bytes}
        print_json({**counts, "damaged": damaged, "whole_again": whole_again})
        return
    console.print(f"{checked.count} instances ({checked.size_bytes / 10**6:.1f} MB) looked at, {len(damaged)} damaged")
    for title, rows in (("damaged: have them sent again", damaged), ("whole again: reprocess them", whole_again)):
        if rows:
            print_table(tuple(rows[0]), (list(row.values()) for row in rows), title)


def _row(row: Instance, study_instance_uid: str) -> dict[str, Any]:
    return {
        "study_instance_uid": study_instance_uid,
        "sop_instance_uid": row.sop_instance_uid,
        "path": row.relative_path,
        "received_at": row.received_at,
    }
