"""Times that lie further ahead than any wait can: written by a clock that was set back since.

Left alone, what waits for them would wait for as long as the clock was ahead.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, and_, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from db.commitment_tables import CommitmentRequest
from db.peer_tables import PeerHealth
from db.session import reading, transaction
from db.tables import Association, Base, Delivery, Study
from domain.commitment import CommitmentState
from domain.study import DeliveryState, StudyStatus


@dataclass(frozen=True, slots=True)
class LongestWaits:
    """How far ahead of now a time can lie that something waits for."""

    analysis_retry: timedelta
    analysis_lease: timedelta
    delivery_retry: timedelta
    delivery_lease: timedelta
    confirmation: timedelta
    pause: timedelta
    #: What the clocks of the hosts may differ by.
    tolerance: timedelta


@dataclass(frozen=True, slots=True)
class _Rule:
    """One time that something in one state waits for."""

    table: type[Base]
    state: ColumnElement[bool]
    column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
    longest: timedelta
    #: Whether somebody holds it until then, and keeps it that long; what only waits goes on at once.
    is_lease: bool = False


def bring_back(engine: Engine, now: datetime, waits: LongestWaits) -> int:
    """Bring each time that lies too far ahead to now, and a lease to its whole length; returns how many there were."""
    return sum(_bring_back(engine, now, rule, waits.tolerance) for rule in _rules(waits))


def _bring_back(engine: Engine, now: datetime, rule: _Rule, tolerance: timedelta) -> int:
    too_far = and_(rule.state, rule.column > now + rule.longest + tolerance)
    with reading(engine) as session:  # nearly always there are none, and a writer would hold up others
        if not session.scalar(select(func.count()).select_from(rule.table).where(too_far)):
            return 0
    back_to = now + rule.longest if rule.is_lease else now
    with transaction(engine) as session:
        statement = update(rule.table).where(too_far).values({rule.column: back_to})
        return session.connection().execute(statement).rowcount


def _rules(waits: LongestWaits) -> list[_Rule]:
    return [
        _Rule(Association, Association.closed_at.is_(None), Association.seen_at, timedelta()),
        *_study_rules(waits),
        *_delivery_rules(waits),
        *_request_rules(waits),
        _Rule(PeerHealth, PeerHealth.failing_since.is_not(None), PeerHealth.paused_until, waits.pause),
    ]


def _study_rules(waits: LongestWaits) -> list[_Rule]:
    ready = Study.status == StudyStatus.READY
    return [
        _Rule(Study, Study.status == StudyStatus.RECEIVING, Study.last_received_at, timedelta()),
        _Rule(Study, ready, Study.not_before, waits.analysis_retry),
        _Rule(Study, ready, Study.queued_at, timedelta()),
        _Rule(Study, Study.status == StudyStatus.ANALYSING, Study.lease_until, waits.analysis_lease, is_lease=True),
    ]


def _delivery_rules(waits: LongestWaits) -> list[_Rule]:
    pending, sent = Delivery.state == DeliveryState.PENDING, Delivery.state == DeliveryState.SENT
    asked = and_(sent, Delivery.confirm_at.is_not(None))
    return [
        _Rule(Delivery, pending, Delivery.next_attempt_at, waits.delivery_retry),
        _Rule(Delivery, pending, Delivery.queued_at, timedelta()),
        _Rule(Delivery, Delivery.lease_until.is_not(None), Delivery.lease_until, waits.delivery_lease, is_lease=True),
        _Rule(Delivery, asked, Delivery.confirm_at, waits.confirmation),
        _Rule(Delivery, asked, Delivery.queued_at, timedelta()),
    ]


def _request_rules(waits: LongestWaits) -> list[_Rule]:
    pending = CommitmentRequest.state == CommitmentState.PENDING
    answering = CommitmentRequest.state == CommitmentState.ANSWERING
    return [
        _Rule(CommitmentRequest, pending, CommitmentRequest.next_attempt_at, waits.delivery_retry),
        _Rule(CommitmentRequest, pending, CommitmentRequest.queued_at, timedelta()),
        _Rule(CommitmentRequest, answering, CommitmentRequest.lease_until, waits.delivery_lease, is_lease=True),
    ]
