"""The page of quality: what the service answered, how fast, and whether it was right."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from config.worklist import WorklistSettings
from db import model_roles
from db.model_roles import Role
from db.session import Engine
from domain.clock import utc_now
from domain.errors import ConfigurationInvalid
from model.card import ProbabilityReference, read_card
from model.versions import DEFAULT_VERSION
from worklist.access import WhoAsks
from worklist.charts import Chart, compared, layered, ranged, stacked
from worklist.desk import Desk
from worklist.pages import render
from worklist.quality import LEAST_FOR_ALARM, PERCENTILES, Figures, Quality, Spread, spread_of
from worklist.shadow import comparisons

router = APIRouter()
_MEDIAN = 50
#: Kinds of boxes, and their words.
_PERCENTILES = {f"p{number}": "median" if number == _MEDIAN else f"{number}th percentile" for number in PERCENTILES}
_VOLUMES = {"flagged": "flagged", "not-flagged": "not flagged", "refused": "refused"}


class Window(BaseModel):
    """How many days back, in the URL."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    days: Literal["7", "30", "90"] = "30"


@dataclass(frozen=True, slots=True)
class VersionSpread:
    """One version's probabilities, beside its model card."""

    version: str
    role: str
    spread: Spread
    #: None: the card has none, or is not here.
    reference: ProbabilityReference | None
    chart: Chart


@router.get("/quality")
def quality_page(request: Request, visitor: WhoAsks, window: Annotated[Window, Query()]) -> Response:
    """Show figures of the last days."""
    engine: Engine = request.app.state.engine
    settings: WorklistSettings = request.app.state.settings
    since = utc_now() - timedelta(days=int(window.days))
    found = Quality(engine, since)
    by_day = found.by_day()
    return render(
        request,
        "quality.html",
        visitor,
        window=window,
        total=found.figures(found.live),
        by_day=by_day,
        by_version=found.by_version(),
        by_shadow=found.by_shadow(),
        charts=_charts({day: by_day.get(day) or found.figures([]) for day in _days_since(since)}),
        spreads=_spreads(request, found),
        comparisons=comparisons(engine, since),
        settings=settings,
        percentiles=PERCENTILES,
        least=LEAST_FOR_ALARM,
    )


def _days_since(since: datetime) -> list[str]:
    """Name every day of this machine's time until today, those without results as well: time runs evenly."""
    first, last = since.astimezone().date(), utc_now().astimezone().date()
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def _charts(by_day: Mapping[str, Figures]) -> list[tuple[str, Chart]]:
    days = {day[5:]: figures for day, figures in by_day.items()}
    volumes = {day: _volume(figures) for day, figures in days.items()}
    reported = {day: figures.reported for day, figures in days.items()}
    read = {day: figures.read for day, figures in days.items()}
    flagged = {day: figures.flagged for day, figures in days.items()}
    agreement = {day: figures.agreement for day, figures in days.items()}
    return [
        ("Results", stacked("Results by day", volumes, _VOLUMES)),
        ("Flagged share of what was scored", ranged("Flagged share by day", flagged)),
        (
            "Minutes until the report was sent",
            layered("Minutes until reported by day", reported, _PERCENTILES, " min"),
        ),
        ("Minutes until a reader had read it", layered("Minutes until read by day", read, _PERCENTILES, " min")),
        ("Readers who agree, of those who agree or disagree", ranged("Agreement by day", agreement)),
    ]


def _volume(figures: Figures) -> dict[str, float]:
    flagged, scored = figures.flagged.hits, figures.flagged.n
    return {"flagged": flagged, "not-flagged": scored - flagged, "refused": figures.volume - scored}


def _spreads(request: Request, found: Quality) -> list[VersionSpread]:
    """Hold the active version, and each that answered, against its model card."""
    desk: Desk = request.app.state.desk
    chosen = model_roles.versions_by_role(request.app.state.engine)
    active = desk.settings.model.version or chosen.get(Role.ACTIVE) or DEFAULT_VERSION
    live = sorted({answer.model_version for answer in found.live} | {active}, key=lambda name: (name != active, name))
    shadows = sorted({answer.model_version for answer in found.shadows})
    share = desk.settings.worklist.expected_pneumonia_share or None
    named = [(name, "active" if name == active else "earlier", found.live) for name in live]
    named += [(name, "shadow", found.shadows) for name in shadows]
    spreads = []
    for name, role, answers in named:
        reference = _reference(desk, name)
        spread = spread_of(
            (one for one in answers if one.model_version == name), reference.spread if reference else None, share
        )
        chart = compared(f"Probabilities of {name}", spread.found, spread.expected)
        spreads.append(VersionSpread(name, role, spread, reference, chart))
    return spreads


def _reference(desk: Desk, version: str) -> ProbabilityReference | None:
    try:
        return read_card(desk.weights_root / version).reference
    except ConfigurationInvalid:  # a version that is not installed here any more still has its results
        return None
