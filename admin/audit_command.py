"""`cxr-triage worklist audit`: who looked at which study, and changed what, when."""

from typing import Annotated

import typer

from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption, moment
from admin.output import print_json, print_table
from db import worklist


def audit(
    since: Annotated[
        str | None, typer.Option(help="Since then, ISO 8601; local time unless it names a zone.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what people did on the worklist, oldest first; with --json one event a line."""
    found = worklist.audit(open_database(config, data_dir), moment(since))
    if as_json:
        for event, uid in found:
            print_json({"at": event.at.isoformat(), "what": event.kind, "study_instance_uid": uid, **event.detail})
        return
    rows = [
        (
            event.at.isoformat(timespec="seconds"),
            event.detail.get("by"),
            event.kind.replace("_", " "),
            uid,
            ", ".join(f"{key} {value}" for key, value in event.detail.items() if key != "by"),
        )
        for event, uid in found
    ]
    print_table(("at", "who", "what", "study", "detail"), rows)
