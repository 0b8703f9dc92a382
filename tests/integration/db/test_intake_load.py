from sqlalchemy import Engine

from db import intake_load, results
from tests.integration.db.builders import LATER, NOW, claimed, received, suspected


def test_what_waits_is_what_is_unread_and_what_is_unsent(engine: Engine) -> None:
    """A study counts until its result is there, each of its reports from then on; our own output never."""
    received(engine)
    received(engine, study="1.2.4", association_id="a2", is_own_output=True)
    assert intake_load.waiting(engine) == 1
    claim = claimed(engine)
    assert intake_load.waiting(engine) == 1
    results.commit_result(engine, claim, suspected(), ["pacs", "archive"], LATER)
    assert intake_load.waiting(engine) == 2


def test_stored_bytes_are_summed_up_from_any_row_on(engine: Engine) -> None:
    """The whole sum, and what came after it, agree."""
    assert intake_load.stored_bytes(engine) == (0, 0)
    received(engine, 1, size_bytes=10)
    size, newest = intake_load.stored_bytes(engine)
    received(engine, 2, size_bytes=5)
    more, last = intake_load.stored_bytes(engine, newest)
    assert (size, more, intake_load.stored_bytes(engine)) == (10, 5, (15, last))


def test_the_newest_change_says_whether_receiving_stands_still(engine: Engine) -> None:
    """It never did, it does, it goes on."""
    assert not intake_load.is_stopped(intake_load.latest_change(engine))
    intake_load.record_change(engine, NOW, obstacles=["disk space"], free_bytes=1)
    change = intake_load.latest_change(engine)
    assert intake_load.is_stopped(change)
    assert change is not None
    assert change.detail == {"obstacles": ["disk space"], "free_bytes": 1}
    intake_load.record_change(engine, LATER, obstacles=[])
    assert not intake_load.is_stopped(intake_load.latest_change(engine))
