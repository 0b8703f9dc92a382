"""`cxr-triage why`: one page on one study, from the association to the PACS's answer."""

from datetime import datetime
from typing import Any

from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption, settings_from
from admin.output import console, print_json, print_table
from db import studies
from domain.clock import utc_now
from domain.errors import Rejected
from worklist.story import story_of


def why(
    study_instance_uid: str,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Tell a study's story: who sent it, every event with its rule, what was found, and what it waits for."""
    settings = settings_from(config, data_dir)
    engine = open_database(config, data_dir)
    study = studies.find(engine, study_instance_uid)
    if study is None:
        raise Rejected(f"no study {study_instance_uid} was received here")
    page = story_of(engine, study, settings, utc_now())
    if json_output:
        print_json(page)
    else:
        _print(page)


def _print(page: dict[str, Any]) -> None:
    console.print(f"study {page['study_instance_uid']}: {page['status']}, revision {page['revision']}", highlight=False)
    for title in ("senders", "instances", "events", "results"):
        rows = page[title]
        if rows:
            print_table(tuple(rows[0]), ([_short(value) for value in row.values()] for row in rows), title)
    console.print("waits for" if page["waits_for"] else "waits for nothing")
    for sentence in page["waits_for"]:
        console.print(f"  {sentence}", highlight=False, markup=False)


def _short(value: object) -> object:
    """Give local time to the tenth of a second, and lists as lines."""
    if isinstance(value, datetime):
        return value.astimezone().isoformat(sep=" ", timespec="milliseconds")
    return "\n".join(map(str, value)) if isinstance(value, list) else value
