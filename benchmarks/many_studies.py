"""Many open studies in a database, written at once: rows as intake, analysis and catalogue leave them, no files."""

import random
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from db.session import transaction
from db.tables import Result, Study
from db.worklist_tables import WorklistEntry
from domain.clock import utc_now
from domain.finding import Assessment, OperatingPoint
from domain.priority import QueuePriority, ReadingPriority
from domain.reading import ReadingState
from domain.study import StudyStatus

#: Of all studies; the network flags about so many, and readers have read some.
_FLAGGED, _READ = 0.3, 0.1
_OPERATING_POINT = asdict(OperatingPoint("balanced", 0.5, 0.95, 0.9, "validation"))
_ROWS_A_STATEMENT = 1000

_Row = dict[str, Any]


def fill(engine: Engine, open_studies: int) -> None:
    """Write so many studies that wait, a minute apart, and a tenth more that were read; let the database count them."""
    chance = random.Random(open_studies)  # noqa: S311 - made-up studies
    rows: dict[Any, list[_Row]] = {Study: [], Result: [], WorklistEntry: []}
    now, number = utc_now(), round(open_studies * (1 + _READ))
    for n in range(1, number + 1):
        at, is_flagged = now - timedelta(minutes=number - n), chance.random() < _FLAGGED
        probability = chance.uniform(0.5, 1.0) if is_flagged else chance.uniform(0.0, 0.3)
        priority = ReadingPriority.HIGH if is_flagged else ReadingPriority.ROUTINE
        rows[Study].append(_study(n, at))
        rows[Result].append(_result(n, at, probability, priority))
        state = ReadingState.READ if n > open_studies else ReadingState.WAITING
        rows[WorklistEntry].append(_entry(n, at, probability, priority, state))
    with transaction(engine) as session:
        for table, all_rows in rows.items():
            for start in range(0, len(all_rows), _ROWS_A_STATEMENT):
                session.execute(insert(table).values(all_rows[start : start + _ROWS_A_STATEMENT]))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _study(n: int, at: datetime) -> _Row:
    return {
        "id": n,
        "study_instance_uid": f"1.2.826.0.1.{n}",
        "revision": 1,
        "status": StudyStatus.REPORTED,
        "attempts": 1,
        "queue_priority": QueuePriority.LIVE,
        "first_received_at": at,
        "last_received_at": at,
    }


def _result(n: int, at: datetime, probability: float, priority: ReadingPriority) -> _Row:
    is_flagged = priority is ReadingPriority.HIGH
    return {
        "id": n,
        "study_id": n,
        "revision": 1,
        "model_version": "robust-1",
        "assessment": Assessment.SUSPECTED if is_flagged else Assessment.NOT_DETECTED,
        "probability": probability,
        "operating_point": _OPERATING_POINT,
        "considered": [],
        "notes": [],
        "reading_priority": priority,
        "is_shadow": False,
        "created_at": at,
    }


def _entry(n: int, at: datetime, probability: float, priority: ReadingPriority, state: ReadingState) -> _Row:
    return {
        "study_id": n,
        "result_id": n,
        "token": f"{n:032x}",
        "reading_state": state,
        "reader": "",
        "state_changed_at": at,
        "reading_priority": priority,
        "rank": priority.rank,
        "waiting_since_ms": round(at.timestamp() * 1000),
        "probability": probability,
        "patient_name": f"Patient{n:05}^Made Up",
        "patient_key": f"patient{n:05}, made up",
        "patient_id": f"P{n}",
        "accession_number": f"A{n}",
    }
