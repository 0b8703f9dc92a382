"""What the reading order does to waiting: simulated days of arrivals, read by one reader in that order.

A queue with one server and without preemption. Only the order differs between two runs: the same studies arrive at the
same moments, take the same time to read and are flagged alike.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from domain.priority import ReadingPriority, reading_position

_MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
_HOURS = 24
_MINUTES_OF_AN_HOUR = 60.0
#: Share of a day's chest radiographs that arrives in each hour, from midnight: a quiet night, ward rounds in the
#: morning, clinics until the evening. Assumed, not measured.
_HOURLY = np.array([1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 7, 8, 8, 8, 7, 6, 5, 4, 3, 3, 2, 2], dtype=np.float64)
#: Spread of the reading time: the standard deviation of its logarithm.
_READING_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Workload:
    """A department, in numbers."""

    #: Chest radiographs a day, on average.
    studies_a_day: float
    #: Mean minutes that one takes to read and report.
    minutes_a_study: float
    #: Share that is flagged, in [0, 1].
    flagged_share: float


@dataclass(frozen=True, slots=True)
class Day:
    """Studies in order of arrival; times in minutes."""

    arrives: NDArray[np.float64]
    takes: NDArray[np.float64]
    is_flagged: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Turnaround:
    """Minutes from a study's arrival until it was read: mean, and of the one that had to wait longest."""

    flagged_mean: float
    flagged_worst: float
    unflagged_mean: float
    unflagged_worst: float


def simulate_day(workload: Workload, random: np.random.Generator) -> Day:
    """Draw one day: Poisson arrivals by the hour, log-normal reading times, flags by chance."""
    rates = workload.studies_a_day * _HOURLY / _HOURLY.sum()
    counts = random.poisson(rates)
    hours = np.repeat(np.arange(_HOURS), counts)
    arrives = np.sort((hours + random.random(hours.size)) * _MINUTES_OF_AN_HOUR)
    centre = np.log(workload.minutes_a_study) - _READING_SPREAD**2 / 2
    takes = random.lognormal(centre, _READING_SPREAD, arrives.size)
    return Day(arrives, takes, random.random(arrives.size) < workload.flagged_share)


def read_day(day: Day, max_wait: timedelta) -> NDArray[np.float64]:
    """Have one reader read a day in the order of `reading_position`; gives each study's turnaround in minutes."""
    positions = [_position(float(at), is_flagged=bool(flag), max_wait=max_wait) for at, flag in _pairs(day)]
    waiting: list[tuple[datetime, int]] = []
    turnaround = np.zeros(day.arrives.size)
    clock, next_one = 0.0, 0
    for _ in range(day.arrives.size):
        if not waiting:
            clock = max(clock, float(day.arrives[next_one]))
        while next_one < day.arrives.size and day.arrives[next_one] <= clock:
            heapq.heappush(waiting, (positions[next_one], next_one))
            next_one += 1
        _, study = heapq.heappop(waiting)
        clock += float(day.takes[study])
        turnaround[study] = clock - day.arrives[study]
    return turnaround


def _pairs(day: Day) -> list[tuple[float, bool]]:
    return list(zip(day.arrives.tolist(), day.is_flagged.tolist(), strict=True))


def _position(at: float, *, is_flagged: bool, max_wait: timedelta) -> datetime:
    priority = ReadingPriority.HIGH if is_flagged else ReadingPriority.ROUTINE
    return reading_position(priority, _MIDNIGHT + timedelta(minutes=at), max_wait)


def turnaround(days: Sequence[Day], max_wait: timedelta) -> Turnaround:
    """Measure many days, each beginning with an empty list; at least one study of either kind must be in them."""
    minutes = np.concatenate([read_day(day, max_wait) for day in days])
    flagged = np.concatenate([day.is_flagged for day in days])
    of_flagged, of_others = minutes[flagged], minutes[~flagged]
    return Turnaround(
        float(of_flagged.mean()), float(of_flagged.max()), float(of_others.mean()), float(of_others.max())
    )
