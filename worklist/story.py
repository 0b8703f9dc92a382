"""One study's story, from the association to the PACS's answer: what `why` prints and the study's page shows."""

from datetime import datetime
from typing import Any

from config.settings import Settings
from db import events, instances, results, study_history
from db.session import Engine
from db.study_history import Sender
from db.tables import Instance, Result, Study
from worklist.event_words import words_of
from worklist.waiting_words import waits_for


def story_of(engine: Engine, study: Study, settings: Settings, now: datetime) -> dict[str, Any]:
    """Tell who sent it, every event with its rule, what was found, and what it waits for."""
    return {
        "study_instance_uid": study.study_instance_uid,
        "status": study.status.value,
        "revision": study.revision,
        "senders": [_sender(sender) for sender in study_history.senders(engine, study.id)],
        "instances": [_instance(row) for row in instances.all_of_study(engine, study.id)],
        "events": _events(engine, study),
        "results": [_result(result) for result in results.of_study(engine, study.id)],
        "waits_for": waits_for(engine, study, settings, now),
    }


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
