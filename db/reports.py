"""Reports and captures: each kept as built, and which of a result's reports a destination gets."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, and_, select, update

from db import events
from db.events import EventKind
from db.session import reading, transaction
from db.tables import Delivery, Report, Result, Study


@dataclass(frozen=True, slots=True)
class SentInstance:
    """One instance that a destination took with a delivery."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str


def keep_report(engine: Engine, report: Report) -> Report:
    """Store a report's bytes, or give back those that are already kept: the first ones win.

    Raises StoreUnavailable.
    """
    with transaction(engine) as session:
        kept = session.scalars(select(Report).where(Report.sop_instance_uid == report.sop_instance_uid)).one_or_none()
        if kept is not None:
            return kept
        session.add(report)
        session.flush()
        study_id = session.get_one(Result, report.result_id).study_id
        events.record(
            session, report.created_at, EventKind.REPORT_BUILT, study_id, sop_instance_uid=report.sop_instance_uid
        )
        return report


def reports_of(engine: Engine, result_id: int) -> Sequence[Report]:
    """List what is kept for a result, reports and capture, oldest first."""
    with reading(engine) as session:
        return session.scalars(select(Report).where(Report.result_id == result_id).order_by(Report.id)).all()


def of_study(engine: Engine, study_id: int, without_class: str) -> Sequence[tuple[Report, Result]]:
    """List what is kept for every result of a study but one SOP class, the newest first, each with its result."""
    query = (
        select(Report, Result)
        .join(Result, Result.id == Report.result_id)
        .where(Result.study_id == study_id, Report.sop_class_uid != without_class)
        .order_by(Result.id.desc(), Report.id.desc())
    )
    with reading(engine) as session:
        return session.execute(query).all()


def report_by_uid(engine: Engine, sop_instance_uid: str) -> Report | None:
    """Give one kept report or capture."""
    with reading(engine) as session:
        return session.scalars(select(Report).where(Report.sop_instance_uid == sop_instance_uid)).one_or_none()


def chosen_report(engine: Engine, result_id: int, destination: str) -> Report | None:
    """Give the report of a result that a destination gets; None when none was chosen yet."""
    query = (
        select(Report)
        .join(Delivery, Delivery.report_uid == Report.sop_instance_uid)
        .where(_delivery(result_id, destination))
    )
    with reading(engine) as session:
        return session.scalars(query).one_or_none()


def newest_form(engine: Engine, destination: str) -> str | None:
    """Give the SOP class of the newest report that was chosen for a destination; None before the first."""
    query = (
        select(Report.sop_class_uid)
        .join(Delivery, Delivery.report_uid == Report.sop_instance_uid)
        .where(Delivery.destination == destination)
        .order_by(Delivery.id.desc())
        .limit(1)
    )
    with reading(engine) as session:
        return session.scalars(query).one_or_none()


def choose_report(engine: Engine, result_id: int, destination: str, report: Report) -> Report:
    """Note, before it is sent, which report a destination gets; gives the one that was chosen before, if any.

    From then on the destination may have it, so that no other may be sent beside it. Raises StoreUnavailable.
    """
    unchosen = and_(_delivery(result_id, destination), Delivery.report_uid.is_(None))
    with transaction(engine) as session:
        session.execute(update(Delivery).where(unchosen).values(report_uid=report.sop_instance_uid))
    return chosen_report(engine, result_id, destination) or report


def withdraw_choice(engine: Engine, result_id: int, destination: str, report: Report) -> None:
    """Forget the choice of a report that the destination has refused: it has not got it, so another may be sent."""
    chosen = and_(_delivery(result_id, destination), Delivery.report_uid == report.sop_instance_uid)
    with transaction(engine) as session:
        session.execute(update(Delivery).where(chosen).values(report_uid=None))


def _delivery(result_id: int, destination: str) -> ColumnElement[bool]:
    return and_(Delivery.result_id == result_id, Delivery.destination == destination)


def sent_instances(engine: Engine, delivery_id: int) -> list[SentInstance]:
    """List what the destination took: the report and, where it refers to one, the capture of the heat map."""
    with reading(engine) as session:
        delivery = session.get_one(Delivery, delivery_id)
        result = session.get_one(Result, delivery.result_id)
        study_uid = session.get_one(Study, result.study_id).study_instance_uid
        kept = session.scalars(select(Report).where(Report.result_id == result.id).order_by(Report.id)).all()
    report = next((row for row in kept if row.sop_instance_uid == delivery.report_uid), None)
    if report is None:
        return []
    others = [row for row in kept if row.series_instance_uid != report.series_instance_uid]
    captures = others if report.shows_heat_map else []
    return [
        SentInstance(study_uid, row.series_instance_uid, row.sop_instance_uid, row.sop_class_uid)
        for row in (report, *captures)
    ]
