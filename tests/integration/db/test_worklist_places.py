"""Going on in the list from a place, whatever arrives meanwhile."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from db import worklist
from db.session import transaction
from db.worklist import Column, Filters
from tests.integration.db.builders import NOW, received

HOUR = timedelta(hours=1)


def _arrive(engine: Engine, numbers: range) -> None:
    for n in numbers:
        received(engine, study=f"1.2.{n}", received_at=NOW + timedelta(seconds=n))
    with transaction(engine) as session:  # ties in every column
        session.execute(
            text("UPDATE worklist_entry SET patient_key = CASE study_id % 3 WHEN 0 THEN 'doe' ELSE 'roe' END")
        )
        session.execute(text("UPDATE worklist_entry SET probability = CASE study_id % 4 WHEN 0 THEN NULL ELSE 0.3 END"))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", list(Column))
def test_pages_one_after_another_are_the_whole_list(engine: Engine, sort: Column, *, descending: bool) -> None:
    """Each study once and in the order of the page that people see, also where many are alike."""
    _arrive(engine, range(23))
    whole = worklist.page(engine, Filters(), sort, HOUR, descending=descending, offset=0, limit=100)
    place, found = None, []
    while True:
        page = worklist.page_after(engine, Filters(), sort, HOUR, place, descending=descending, limit=5)
        assert page.total == 23
        if not page.rows:
            break
        found += [row.study.id for row in page.rows]
        place = worklist.place_of(page.rows[-1], sort, HOUR)
    assert found == [row.study.id for row in whole.rows]


def test_what_was_not_analysed_is_found_from_a_place_too(engine: Engine) -> None:
    """That filter looks at the study beside its line."""
    _arrive(engine, range(3))
    wanted = Filters(only_not_analysed=True)
    page = worklist.page_after(engine, wanted, Column.WAITING, HOUR, None, descending=False, limit=5)
    assert (page.rows, page.total) == ((), 0)


def test_what_arrives_or_is_raised_shifts_nothing_that_follows(engine: Engine) -> None:
    """With numbered pages the last of the first page would come again; and the raised place is kept in the cursor."""
    _arrive(engine, range(10))
    first = worklist.page_after(engine, Filters(), Column.READING_ORDER, HOUR, None, descending=False, limit=5)
    place = worklist.place_of(first.rows[-1], Column.READING_ORDER, HOUR)
    received(engine, study="9.9", received_at=NOW - timedelta(hours=1))
    with transaction(engine) as session:
        moved = text("UPDATE worklist_entry SET waiting_since_ms = waiting_since_ms + 99999 WHERE study_id = :last")
        session.execute(moved, {"last": first.rows[-1].study.id})
    second = worklist.page_after(engine, Filters(), Column.READING_ORDER, HOUR, place, descending=False, limit=5)
    assert [row.study.study_instance_uid for row in second.rows] == [f"1.2.{n}" for n in range(5, 10)]
