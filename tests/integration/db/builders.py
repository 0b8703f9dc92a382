"""Rows for tests, with what does not matter filled in."""

import hashlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from db import studies
from db.instances import NewInstance, Recorded, close_association, record_instance
from db.results import NewResult
from db.studies import Claim
from domain.finding import Assessment, OperatingPoint
from domain.priority import ReadingPriority

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
QUIET = timedelta(seconds=3)
STALE = timedelta(seconds=10)
LEASE = timedelta(seconds=60)
LATER = NOW + timedelta(seconds=60)


def new_instance(number: int = 1, study: str = "1.2.3", content: str = "", **changes: object) -> NewInstance:
    """Give instance `number` of a study; other `content` makes other bytes."""
    values: dict[str, object] = {
        "study_instance_uid": study,
        "series_instance_uid": f"{study}.1",
        "sop_instance_uid": f"{study}.1.{number}",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "relative_path": f"{study}/{number}.dcm",
        "size_bytes": 1000,
        "sha256": hashlib.sha256(f"{study}.{number}.{content}".encode()).hexdigest(),
        "association_id": "a1",
        "calling_ae_title": "MODALITY",
        "called_ae_title": "CXR_TRIAGE",
        "peer_address": "127.0.0.1",
        "received_at": NOW,
        **changes,
    }
    return NewInstance(**values)  # type: ignore[arg-type]


def received(engine: Engine, number: int = 1, study: str = "1.2.3", content: str = "", **changes: object) -> Recorded:
    """Record an instance."""
    return record_instance(engine, new_instance(number, study, content, **changes))


def claimed(engine: Engine, study: str = "1.2.3", task: str = "t1", at: datetime = LATER) -> Claim:
    """Bring a received study to ANALYSING."""
    close_association(engine, "a1", NOW)
    (study_id,) = studies.mark_ready(engine, at, QUIET, STALE)
    claim = studies.claim(engine, study_id, task, at, LEASE)
    assert claim is not None
    assert claim.study_instance_uid == study
    return claim


def suspected(model_version: str = "m1") -> NewResult:
    """Give a result with a suspicion."""
    return NewResult(
        model_version=model_version,
        assessment=Assessment.SUSPECTED,
        probability=0.9,
        operating_point=OperatingPoint("balanced", 0.5, 0.95, 0.9, "validation"),
        refusal=None,
        analysed_instance_id=None,
        considered=("1.2.3.1.1",),
        notes=(),
        reading_priority=ReadingPriority.HIGH,
    )
