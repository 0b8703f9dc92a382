"""`cxr-triage why`: one page on one study, from the association to the PACS's answer."""

from datetime import datetime
from typing import Any

from admin.database import open_database
from admin.event_words import words_of
from admin.options import ConfigOption, DataDirOption, JsonOption, settings_from
from admin.output import console, print_json, print_table
from admin.waiting_words import waits_for
from db import events, instances, results, studies, study_history
from db.session import Engine
from db.study_history import Sender
from db.tables import Instance, Result, Study
from domain.clock import utc_now
from domain.errors import Rejected


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
    page = {
        "study_instance_uid": study.study_instance_uid,
        "status": study.status.value,
        "revision": study.revision,
        "senders": [_sender(sender) for sender in study_history.senders(engine, study.id)],
        "instances": [_instance(row) for row in instances.all_of_study(engine, study.id)],
        "events": _events(engine, study),
        "results": [_result(result) for result in results.of_study(engine, study.id)],
        "waits_for": waits_for(engine, study, settings, utc_now()),
    }
    if json_output:
        print_json(page)
    else:
        _print(page)


def _sender(sender: Sender) -> dict[str, Any]:
    association = sender.association
    return {
        "calling_ae_title": association.calling_ae_title,
        "peer_address": association.peer_address,
        "instances": sender.instances,
        "first_at": sender.first_at,
        "last_at": sender.last_at,
        "closed_at": association.closed_at,
    }


def _instance(row: Instance) -> dict[str, Any]:
    remarks = ["damaged"] if row.damaged_at else []
    remarks += ["removed after its retention time"] if row.purged_at else []
    remarks += ["made by this service"] if row.is_own_output else []
    return {
        "sop_instance_uid": row.sop_instance_uid,
        "received_at": row.received_at,
        "bytes": row.size_bytes,
        "remark": ", ".join(remarks),
    }


def _events(engine: Engine, study: Study) -> list[dict[str, Any]]:
    told = []
    for event in events.of_study(engine, study.id):
        words = words_of(event.kind, event.detail)
        told.append({"at": event.at, "kind": event.kind, "what": words.what, "rule": words.rule})
    return told


def _result(result: Result) -> dict[str, Any]:
    refusal, point = results.refusal_of(result), results.operating_point_of(result)
    rule = f"threshold {point.threshold:.3f} ({point.name})" if point else str(refusal or "")
    return {
        "revision": result.revision,
        "model_version": result.model_version,
        "assessment": result.assessment.value,
        "probability": result.probability,
        "rule": rule,
        "reading_priority": result.reading_priority.value,
        "notes": result.notes,
    }


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
