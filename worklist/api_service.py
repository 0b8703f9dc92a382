"""The API's service: how it is, what was delivered, and what failed; each change by the function of its command."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request

from db import deliveries, delivery_choice, failures
from db.delivery_choice import DeliveryChoice
from db.session import Engine
from domain.clock import utc_now
from worklist.api_access import AdminCalls, WhoCalls
from worklist.api_models import (
    GREATEST_ID,
    DeliveryPage,
    DeliveryQuery,
    DeliveryShown,
    FailureShown,
    Retried,
    RetryWanted,
    ServiceStatus,
)
from worklist.api_problems import documented
from worklist.api_views import BASE, delivery_shown
from worklist.desk import Desk

router = APIRouter(prefix=BASE, tags=["service"], responses=documented(400, 401, 403, 422, 429, 503))
_NOT_FOUND, _CONFLICT, _UNPROCESSABLE = 404, 409, 422


@router.get("/service")
def show_service(request: Request, caller: WhoCalls) -> ServiceStatus:
    """Show how the service is, as `cxr-triage status` does."""
    del caller
    desk: Desk = request.app.state.desk
    return desk.status()


@router.get("/deliveries")
def list_deliveries(request: Request, caller: AdminCalls, query: Annotated[DeliveryQuery, Query()]) -> DeliveryPage:
    """List deliveries, newest first. Needs the role admin."""
    del caller
    choice = DeliveryChoice(query.state, query.destination, query.study_instance_uid, before_id=query.cursor)
    found = delivery_choice.chosen(request.app.state.engine, choice, query.limit + 1)
    shown = [delivery_shown(*row) for row in found[: query.limit]]
    return DeliveryPage(items=shown, next=shown[-1].id if len(found) > query.limit else None)


@router.post("/deliveries/{delivery_id}/resend", responses=documented(404, 409))
def resend(
    request: Request, caller: AdminCalls, delivery_id: Annotated[int, Path(ge=1, le=GREATEST_ID)]
) -> DeliveryShown:
    """Send a report again, from the first attempt, as `cxr-triage deliveries resend` does. Needs the role admin."""
    engine: Engine = request.app.state.engine
    choice = DeliveryChoice(ids=(delivery_id,))
    if not delivery_choice.chosen(engine, choice):
        raise HTTPException(_NOT_FOUND, "There is no such delivery.")
    if not deliveries.resend(engine, [delivery_id], utc_now(), caller.account.name):
        raise HTTPException(_CONFLICT, "It is being sent right now.")
    (found,) = delivery_choice.chosen(engine, choice)
    return delivery_shown(*found)


@router.get("/failures")
def list_failures(request: Request, caller: AdminCalls) -> list[FailureShown]:
    """List all that failed, as `cxr-triage failed list` does. Needs the role admin."""
    del caller
    return [FailureShown.model_validate(one) for one in failures.listed(request.app.state.engine)]


@router.post("/failures/retry", responses=documented(404))
def retry(request: Request, caller: AdminCalls, wanted: RetryWanted) -> Retried:
    """Try again what failed, as `cxr-triage failed retry` does. Needs the role admin."""
    if bool(wanted.studies) == wanted.all:
        raise HTTPException(_UNPROCESSABLE, "Say which: studies, or all.")
    engine: Engine = request.app.state.engine
    found = [one for one in failures.listed(engine) if wanted.all or one.study_instance_uid in wanted.studies]
    if set(wanted.studies) - {one.study_instance_uid for one in found}:
        raise HTTPException(_NOT_FOUND, "Nothing of one of these studies has failed.")
    moved = [one for one in found if failures.try_again(engine, one, utc_now(), caller.account.name)]
    return Retried(tried_again=[FailureShown.model_validate(one) for one in moved])
