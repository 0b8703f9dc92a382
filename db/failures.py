"""What the service gave up on: studies for a human to read, and reports that were not sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from db import deliveries, delivery_choice, reprocessing
from db.delivery_choice import DeliveryChoice
from db.reprocessing import Request, Selection
from db.tables import Study
from domain.study import DeliveryState, StudyStatus


@dataclass(frozen=True, slots=True)
class Failure:
    """One FAILED study, or one FAILED delivery."""

    #: "study" or "delivery".
    what: str
    #: Of that study or delivery.
    id: int
    study_instance_uid: str
    since: datetime | None
    attempts: int
    #: Of a delivery.
    destination: str | None
    last_error: str | None


def listed(engine: Engine) -> list[Failure]:
    """List them, studies first."""
    studies = reprocessing.select_studies(engine, Selection(status=StudyStatus.FAILED))
    unsent = delivery_choice.chosen(engine, DeliveryChoice(state=DeliveryState.FAILED))
    return [_of_study(study) for study in studies] + [
        Failure(
            "delivery",
            delivery.id,
            study.study_instance_uid,
            delivery.next_attempt_at,
            delivery.attempts,
            delivery.destination,
            delivery.last_error,
        )
        for delivery, _, study in unsent
    ]


def _of_study(study: Study) -> Failure:
    uid, since = study.study_instance_uid, study.analysis_started_at
    return Failure("study", study.id, uid, since, study.attempts, None, study.last_error)


def try_again(engine: Engine, failures: Iterable[Failure], now: datetime, by: str) -> list[Failure]:
    """Read studies and send reports again, from the first attempt, as `by` asked for.

    Gives those that were moved: somebody else may have done so since they were listed.
    """
    return [failure for failure in failures if _try_again(engine, failure, now, by)]


def _try_again(engine: Engine, failure: Failure, now: datetime, by: str) -> bool:
    if failure.what == "study":
        return reprocessing.reprocess(engine, failure.id, now, Request(by)) is not None
    return deliveries.resend(engine, [failure.id], now, by) == 1
