from datetime import timedelta

from sqlalchemy import Engine

from db import processes
from db.processes import Life
from tests.integration.db.builders import NOW


def test_a_process_is_listed_until_it_ends_or_is_silent_for_a_day(engine: Engine) -> None:
    """Each run is one row, however often it gives a sign; a run that was killed stays, and says since when."""
    ended, killed = (Life(name, "listen", "host", 7, NOW) for name in ("1", "2"))
    for life in (ended, killed):
        processes.note_alive(engine, life, NOW)
    processes.note_alive(engine, killed, NOW + timedelta(seconds=10))
    processes.note_ended(engine, ended)
    (row,) = processes.listed(engine)
    assert (row.id, row.seen_at, row.started_at) == ("2", NOW + timedelta(seconds=10), NOW)
    processes.note_alive(engine, Life("3", "sweep", "host", 8, NOW), NOW + timedelta(days=2))
    assert [one.id for one in processes.listed(engine)] == ["3"]
