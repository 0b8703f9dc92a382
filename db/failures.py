"""What the service gave up on, and trying it again: for `cxr-triage failed` and the API."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine

from db import deliveries, delivery_choice, reprocessing
from db.delivery_choice import DeliveryChoice
from db.reprocessing import Request, Selection
from db.tables import Study
from domain.study import DeliveryState, StudyStatus


class FailureKind(StrEnum):
    """What was given up on."""

    #: A human must read it.
    STUDY = "study"
    #: A destination did not get the report.
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Failure:
    """One study that is FAILED, or one delivery."""

    what: FailureKind
    #: Of the study, or of the delivery.
    id: int
    study_instance_uid: str
    since: datetime | None
    attempts: int
    #: None of a study.
    destination: str | None
    last_error: str | None


def listed(engine: Engine) -> list[Failure]:
    """List every FAILED study, then every FAILED delivery."""
    studies = reprocessing.select_studies(engine, Selection(status=StudyStatus.FAILED))
    unsent = delivery_choice.chosen(engine, DeliveryChoice(state=DeliveryState.FAILED))
    return [_of_study(study) for study in studies] + [
        Failure(
            what=FailureKind.DELIVERY,
            id=delivery.id,
            study_instance_uid=study.study_instance_uid,
            since=delivery.next_attempt_at,
            attempts=delivery.attempts,
            destination=delivery.destination,
            last_error=delivery.last_error,
        )
        for delivery, _, study in unsent
    ]


def _of_study(study: Study) -> Failure:
    return Failure(
        what=FailureKind.STUDY,
        id=study.id,
        study_instance_uid=study.study_instance_uid,
        since=study.analysis_started_at,
        attempts=study.attempts,
        destination=None,
        last_error=study.last_error,
    )


def try_again(engine: Engine, failure: Failure, now: datetime, by: str) -> bool:
    """Say whether it was moved: somebody else may have done so since it was listed."""
    if failure.what is FailureKind.STUDY:
        return reprocessing.reprocess(engine, failure.id, now, Request(by)) is not None
    return deliveries.resend(engine, [failure.id], now, by) == 1
