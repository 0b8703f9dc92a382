"""The page of the service, for admins: whether it is well, and what can be done where it is not."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from db import deliveries, delivery_choice, failures, processes, service_overview
from db.delivery_choice import DeliveryChoice
from db.session import Engine
from domain.clock import utc_now
from domain.study import DeliveryState
from worklist.access import AdminAsks
from worklist.desk import Desk
from worklist.pages import render

router = APIRouter(prefix="/service")
_SEE_OTHER = 303
_ASSOCIATIONS = 20
_FAILURES = 50


class Shown(BaseModel):
    """Which page of failures, and what the button that led here has done, in the URL."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    moved: int | None = Field(None, ge=0)
    meant: int = Field(0, ge=0)
    page: int = Field(1, ge=1, le=100_000)


@router.get("")
def service_page(request: Request, visitor: AdminAsks, shown: Annotated[Shown, Query()]) -> Response:
    """Show what `status`, `failed list`, `deliveries list` and the last drills say."""
    engine: Engine = request.app.state.engine
    desk: Desk = request.app.state.desk
    failed, status = failures.listed(engine), desk.status()
    return render(
        request,
        "service.html",
        visitor,
        done=shown,
        now_is=status,
        where=desk.settings.destination_places,
        processes=processes.listed(engine),
        associations=service_overview.associations(engine, _ASSOCIATIONS),
        backlogs=service_overview.backlogs(engine, desk.settings.destination_names),
        failures=failed[(shown.page - 1) * _FAILURES : shown.page * _FAILURES],
        pages=max(1, -(-len(failed) // _FAILURES)),
        failed=len(failed),
        drills=desk.drills(),
        silence=desk.silence,
        settings=desk.settings,
        now=utc_now(),
    )


@router.post("/retry")
def retry(
    request: Request,
    visitor: AdminAsks,
    what: Annotated[str, Form(pattern="^(study|delivery|all)$")],
    failure_id: Annotated[int, Form(ge=0)] = 0,
) -> Response:
    """Do what `cxr-triage failed retry` does: for one failure, or for all."""
    engine: Engine = request.app.state.engine
    meant = [one for one in failures.listed(engine) if what == "all" or (one.what, one.id) == (what, failure_id)]
    moved = [one for one in meant if failures.try_again(engine, one, utc_now(), visitor.account.name)]
    return _back(len(moved), len(meant))


@router.post("/resend")
def resend(
    request: Request,
    visitor: AdminAsks,
    destination: Annotated[str, Form(max_length=64)],
    state: Annotated[DeliveryState, Form()],
) -> Response:
    """Do what `cxr-triage deliveries resend --destination … --state …` does."""
    engine: Engine = request.app.state.engine
    chosen = delivery_choice.chosen(engine, DeliveryChoice(state=state, destination=destination))
    meant = [delivery.id for delivery, _, _ in chosen]
    return _back(deliveries.resend(engine, meant, utc_now(), visitor.account.name), len(meant))


def _back(moved: int, meant: int) -> Response:
    return RedirectResponse(f"/service?moved={moved}&meant={meant}", _SEE_OTHER)
