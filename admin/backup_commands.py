"""`cxr-triage backup` and `cxr-triage restore`."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from admin.changes import YesOption, confirm, operator
from admin.data_folder import PRIVATE
from admin.options import ConfigOption, DataDirOption, JsonOption, settings_from
from admin.output import console, print_json
from admin.progress import growing_progress, progress
from db import backup as database_backup
from db import schema
from db.events import EventKind
from worker.backup import Backup, Copied, Restore
from worker.bootstrap import Collaborators

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the backup, best on another disk.")]


def backup(
    folder: FolderArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Copy the database and every stored instance, with checksums, while the service runs; again: only what is new.

    Exit status 1 if a stored file is missing or altered, and so not in the backup.
    """
    os.umask(PRIVATE)
    collaborators = Collaborators(settings_from(config, data_dir))
    schema.require_newest(collaborators.engine)
    made = Backup(collaborators.engine, collaborators.store, folder.expanduser())
    with growing_progress("Backing up") as (on_begin, on_progress):
        done = made.make(on_begin, on_progress)
    database_backup.record(collaborators.engine, EventKind.BACKUP_MADE, by=operator(), instances=done.instances)
    _tell(done, f"is backed up in {folder}", "not in the backup: have them sent again", json_output=json_output)


def restore(
    folder: FolderArgument,
    yes: YesOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Put a backup into a new data folder and a new database; start the service there afterwards.

    Exit status 1 if a file of the backup is missing or altered: all others are put back.
    """
    os.umask(PRIVATE)
    settings = settings_from(config, data_dir)
    collaborators = Collaborators(settings)
    found = Restore(collaborators.engine, collaborators.store, folder.expanduser())
    confirm(f"Restore {found.count} instances and the database into {settings.service.data_dir}?", yes=yes)
    with progress("Restoring", found.count) as on_progress:
        done = found.run(on_progress)
    schema.upgrade(collaborators.engine)
    database_backup.record(collaborators.engine, EventKind.BACKUP_RESTORED, by=operator(), instances=done.instances)
    _tell(done, f"is restored into {settings.service.data_dir}", "damaged in the backup", json_output=json_output)


def _tell(done: Copied, what: str, about_damaged: str, *, json_output: bool) -> None:
    if json_output:
        print_json(asdict(done))
    else:
        megabytes = done.size_bytes / 10**6
        console.print(
            f"the database {what}, with {done.instances} instances ({megabytes:.1f} MB), {done.copied} copied"
        )
        for path in done.damaged:
            console.print(f"{about_damaged}: {path}", soft_wrap=True)
    raise typer.Exit(1 if done.damaged else 0)
