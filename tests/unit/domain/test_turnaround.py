from datetime import timedelta

import numpy as np
import pytest

from domain.turnaround import Day, Workload, read_day, simulate_day, turnaround


@pytest.fixture(scope="module")
def days() -> list[Day]:
    """A month in a busy department."""
    random = np.random.default_rng(7)
    return [simulate_day(Workload(180, 5, 0.2), random) for _ in range(30)]


def test_without_a_setting_it_is_first_come_first_served(days: list[Day]) -> None:
    """Flags change nothing: each study begins when the one before it has ended."""
    day = days[0]
    ends, clock = [], 0.0
    for arrives, takes in zip(day.arrives, day.takes, strict=True):
        clock = max(clock, arrives) + takes
        ends.append(clock - arrives)
    assert read_day(day, timedelta()) == pytest.approx(ends)


def test_the_order_moves_waiting_and_makes_none(days: list[Day]) -> None:
    """The reader ends the day at the same moment, whatever the order."""
    for day in days:
        ends = [(read_day(day, timedelta(minutes=wait)) + day.arrives).max() for wait in (0, 60, 600)]
        assert ends == pytest.approx([ends[0]] * 3)


def test_flagged_studies_are_read_sooner_and_the_others_no_later_than_the_setting_allows(days: list[Day]) -> None:
    """On average sooner; a single unflagged one waits at most for what arrived within the setting after it."""
    in_order, by_flag = turnaround(days, timedelta()), turnaround(days, timedelta(minutes=60))
    assert by_flag.flagged_mean < in_order.flagged_mean
    assert by_flag.flagged_worst <= in_order.flagged_worst
    for day in days:
        delays = read_day(day, timedelta(minutes=60)) - read_day(day, timedelta())
        for study in np.flatnonzero(~day.is_flagged):
            later = (day.arrives > day.arrives[study]) & (day.arrives <= day.arrives[study] + 60) & day.is_flagged
            assert delays[study] <= day.takes[later].sum() + 1e-9
