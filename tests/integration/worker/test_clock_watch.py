from datetime import timedelta

from structlog.testing import capture_logs

from db.instances import close_association
from domain.clock import utc_now
from tests.integration.db.builders import received
from tests.integration.worker.stored import study_of
from worker.bootstrap_work import WorkCollaborators
from worker.clock_watch import ClockWatch, longest_waits


def test_the_sweep_mends_what_a_clock_that_was_ahead_left_behind(collaborators: WorkCollaborators) -> None:
    """A study whose newest image lies hours ahead is read now, and not in hours."""
    ahead = utc_now() + timedelta(hours=3)
    received(collaborators.engine, received_at=ahead)
    close_association(collaborators.engine, "a1", ahead)
    with capture_logs() as logs:
        collaborators.readiness.sweep()
    assert [entry["times_brought_back"] for entry in logs if entry["event"] == "clock_was_set_back"] == [1]
    study = study_of(collaborators, "1.2.3")
    assert study.last_received_at < utc_now()


def test_looks_are_not_taken_at_every_sweep(collaborators: WorkCollaborators) -> None:
    """By a clock of its own, which nobody sets."""
    now = [100.0]
    watch = ClockWatch(collaborators.engine, longest_waits(collaborators.settings), clock=lambda: now[0])
    watch.look()
    received(collaborators.engine, received_at=utc_now() + timedelta(hours=3))
    with capture_logs() as logs:
        watch.look()
        assert logs == []
        now[0] += 3600.0
        watch.look()
    assert len(logs) == 1
