"""What a study waits for, and for how long still."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from config.settings import Settings
from db import deliveries, peers, results, study_history
from db.peer_tables import PeerHealth
from db.session import Engine
from db.tables import Delivery, Study
from domain.study import DeliveryState, StudyStatus


def waits_for(engine: Engine, study: Study, settings: Settings, now: datetime) -> list[str]:
    """Say it in sentences, the next thing first; empty when nothing is to come."""
    if study.status is StudyStatus.RECEIVING:
        return list(_receiving(engine, study, settings, now))
    if study.status is StudyStatus.READY:
        return [_ready(study, now)]
    if study.status is StudyStatus.ANALYSING:
        return [_analysing(study, settings, now)]
    if study.status is StudyStatus.FAILED:
        return [f"a human read; `cxr-triage failed retry {study.study_instance_uid}` tries it again"]
    return list(_reports(engine, study, settings, now))


def _receiving(engine: Engine, study: Study, settings: Settings, now: datetime) -> Iterator[str]:
    if not study_history.has_images(engine, study.id):
        yield "nothing: it holds only what this service made and was sent back"
        return
    quiet = timedelta(seconds=settings.readiness.study_quiet_seconds)
    left = (study.last_received_at + quiet - now).total_seconds()
    if left > 0:
        yield f"quiet: {left:.1f} s without a new image (readiness.study_quiet_seconds)"
    stale = timedelta(seconds=settings.readiness.association_stale_seconds)
    for association in study_history.still_sending(engine, study.id, now, stale):
        yield f"the end of the association with {association.calling_ae_title}, or its next image of another study"
    if left <= 0:
        yield "the next sweep; if this stays, `cxr-triage sweep` does not run, or cannot reach the database"


def _ready(study: Study, now: datetime) -> str:
    if study.not_before and study.not_before > now:
        return f"attempt {study.attempts + 1} in {_seconds(study.not_before, now)} after: {study.last_error}"
    if study.queued_at:
        return f"a worker: queued {_seconds(now, study.queued_at)} ago; if this stays, no `cxr-triage work` runs"
    return "the sweep, to queue it; if this stays, the broker is away (`cxr-triage doctor`)"


def _analysing(study: Study, settings: Settings, now: datetime) -> str:
    attempt = f"attempt {study.attempts} of {settings.analysis.max_attempts}"
    if study.lease_until and study.lease_until > now:
        return f"the worker that reads it, {attempt}; its lease ends in {_seconds(study.lease_until, now)}"
    return f"the sweep, to end {attempt}: its lease ran out"


def _reports(engine: Engine, study: Study, settings: Settings, now: datetime) -> Iterator[str]:
    history = results.of_study(engine, study.id)
    found = [delivery for result in history for delivery in deliveries.of_result(engine, result.id)]
    if not found:
        yield "nothing: there were no destinations when it was read, so its result stays here"
    failing = {peer.name: peer for peer in peers.failing(engine)}
    for delivery in found:
        if words := _delivery(delivery, failing.get(delivery.destination), settings, now):
            yield f"{delivery.destination} (delivery {delivery.id}): {words}"


def _delivery(delivery: Delivery, failing: PeerHealth | None, settings: Settings, now: datetime) -> str:
    attempt = f"attempt {delivery.attempts + 1} of {settings.delivery.max_attempts}"
    if delivery.state is DeliveryState.FAILED:
        return f"`cxr-triage deliveries resend {delivery.id}`, once its cause is mended: {delivery.last_error}"
    if delivery.state is DeliveryState.SENDING:
        return "its answer"
    if delivery.state is DeliveryState.PENDING and delivery.next_attempt_at > now:
        after = f" after: {delivery.last_error}" if delivery.last_error else ""
        return f"{attempt} in {_seconds(delivery.next_attempt_at, now)}{after}"
    if delivery.state is DeliveryState.PENDING and failing is not None:
        pause = _seconds(max(failing.paused_until or now, now), now)
        since = f"failures since {failing.failing_since:%Y-%m-%d %H:%M:%S} UTC: {failing.failures}"
        return f"{attempt}, after {delivery.destination}, which is tried again in {pause}, has taken another; {since}"
    if delivery.state is DeliveryState.PENDING:
        return f"a worker, for {attempt}; if this stays, no `cxr-triage work --queue deliver` runs"
    return ""


def _seconds(later: datetime, earlier: datetime) -> str:
    return f"{(later - earlier).total_seconds():.0f} s"
