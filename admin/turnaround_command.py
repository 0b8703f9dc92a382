"""`cxr-triage worklist simulate`: what the reading order does to waiting, on simulated days."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from admin.options import JsonOption
from admin.output import console, print_json, print_table
from domain.errors import ConfigurationInvalid
from domain.turnaround import Turnaround, Workload, simulate_day, turnaround

#: Settings that are tried beside the chosen one; 0 is first come, first served.
_TRIED = (0, 15, 30, 60, 120, 240)


def simulate(
    studies_a_day: Annotated[float, typer.Option(help="Chest X-rays a day, on average.", min=1, max=5000)] = 180.0,
    minutes_a_study: Annotated[float, typer.Option(help="Mean minutes to read one.", min=0.01, max=240)] = 5.0,
    flagged_share: Annotated[float, typer.Option(help="Share that is flagged.", min=0.001, max=0.999)] = 0.2,
    max_wait_minutes: Annotated[int, typer.Option(help="The setting to mark.", min=0, max=1440)] = 60,
    days: Annotated[int, typer.Option(help="Days to simulate.", min=1, max=20000)] = 365,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.", min=0)] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write a plot here (PNG).", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate days of arrivals at one reader, in the worklist's order and first come, first served."""
    workload = Workload(studies_a_day, minutes_a_study, flagged_share)
    random = np.random.default_rng(seed)
    drawn = [simulate_day(workload, random) for _ in range(days)]
    flags = np.concatenate([day.is_flagged for day in drawn])
    if flags.all() or not flags.any():
        raise ConfigurationInvalid("no study of one of the two kinds was drawn: simulate more days")
    measured = {wait: turnaround(drawn, timedelta(minutes=wait)) for wait in sorted({*_TRIED, max_wait_minutes})}
    if plot is not None:
        _plot(plot, measured, max_wait_minutes, _subtitle(workload, days, flags.size))
    if as_json:
        print_json({wait: _rounded(found) for wait, found in measured.items()})
        return
    columns = ("max_wait_minutes", "flagged mean", "flagged worst", "unflagged mean", "unflagged worst")
    rows = [
        (_setting_words(wait), *(f"{value:.1f}" for value in _rounded(found).values()))
        for wait, found in measured.items()
    ]
    print_table(columns, rows, "Minutes from arrival until read")
    console.print(_subtitle(workload, days, flags.size))


def _setting_words(wait: int) -> str:
    return "0 (first come, first served)" if wait == 0 else str(wait)


def _rounded(found: Turnaround) -> dict[str, float]:
    return {name: round(getattr(found, name), 1) for name in Turnaround.__dataclass_fields__}


def _subtitle(workload: Workload, days: int, drawn: int) -> str:
    return (
        f"{days} simulated days, {drawn} studies, one reader, {workload.minutes_a_study:g} minutes a study, "
        f"{100 * workload.flagged_share:g} % flagged."
    )


def _plot(file: Path, measured: dict[int, Turnaround], chosen: int, subtitle: str) -> None:
    # Here, not above: matplotlib comes with the extra "train", and the service does without.
    try:
        from model.plot_style import save  # noqa: PLC0415
        from model.plot_turnaround import draw_turnaround  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ConfigurationInvalid('--plot needs matplotlib: install the extra "train" (make venv-train)') from None
    save(draw_turnaround(measured, chosen=chosen, subtitle=subtitle), file, source="cxr-triage worklist simulate")
