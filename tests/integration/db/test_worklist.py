import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, insert
from sqlalchemy.orm import Session

from db import accounts, events, feedback, reading, results, schema, studies, workitems, worklist, worklist_entries
from db.session import make_engine, transaction
from db.tables import Base, Result, Study
from db.worklist import Column, Filters
from db.worklist_tables import Account, WorklistEntry
from domain.finding import Assessment
from domain.priority import QueuePriority, ReadingPriority, reading_position
from domain.reading import Outcome, ReadingState, Role, Verdict
from domain.study import StudyStatus
from domain.study_facts import StudyFacts
from domain.workitem import WorkitemState
from tests.integration.db.builders import LATER, NOW, claimed, received, suspected
from tests.integration.db.test_workitems import claim_as, new

MAX_WAIT = timedelta(minutes=60)
EVERYTHING = Filters()
_texts = dict.fromkeys(StudyFacts.__dataclass_fields__, "")
FACTS = StudyFacts(**{**_texts, "requested_procedure_code": None, "images": ()})  # type: ignore[arg-type]


@pytest.fixture
def reader(engine: Engine) -> Account:
    """Somebody who reads."""
    return accounts.add(engine, "reader", "x", Role.READER, NOW)


def add_studies(engine: Engine, number: int) -> None:
    """Receive studies a minute apart; every third is flagged, each has facts."""
    for n in range(1, number + 1):
        uid = f"1.2.{n}"
        received(engine, study=uid, received_at=NOW + timedelta(minutes=n), association_id=f"a{n}")
        study = studies.find(engine, uid)
        assert study is not None
        if n % 3 == 0:
            (ready,) = studies.mark_ready(engine, NOW + timedelta(days=1), timedelta(0), timedelta(0))[-1:]
            claim = studies.claim(engine, study.id, f"t{n}", NOW + timedelta(days=1), timedelta(minutes=1))
            assert claim is not None
            assert ready
            results.commit_result(engine, claim, suspected(), [], LATER)
        facts = replace(FACTS, patient_name=f"Name{n:03}^Given", patient_id=f"P{n}", accession_number=f"A{n}")
        worklist_entries.keep_facts(engine, study.id, _instance_of(engine, study.id), facts)


def _instance_of(engine: Engine, study_id: int) -> int:
    (row,) = [rows for found, rows in worklist_entries.without_facts(engine, 1000) if found == study_id]
    return row[0].id


def shown(
    engine: Engine, filters: Filters = EVERYTHING, sort: Column = Column.READING_ORDER, **kwargs: int
) -> list[str]:
    """Give the UIDs of a page."""
    options = {"offset": 0, "limit": 50, **kwargs}
    descending = bool(options.pop("descending", 0))
    found = worklist.page(engine, filters, sort, MAX_WAIT, descending=descending, **options)
    return [row.study.study_instance_uid for row in found.rows]


def test_the_page_has_the_order_of_the_rule(engine: Engine) -> None:
    """What the database sorts is what `reading_position` says, page by page."""
    add_studies(engine, 12)
    page = worklist.page(engine, Filters(), Column.READING_ORDER, MAX_WAIT, descending=False, offset=0, limit=50)
    by_rule = sorted(
        page.rows, key=lambda row: reading_position(row.entry.reading_priority, row.waiting_since, MAX_WAIT)
    )
    assert [row.study.id for row in page.rows] == [row.study.id for row in by_rule]
    assert page.total == 12
    assert {row.entry.reading_priority for row in page.rows[:4]} == {ReadingPriority.HIGH}
    paged = [shown(engine, offset=offset, limit=5) for offset in (0, 5, 10)]
    assert list(itertools.chain(*paged)) == [row.study.study_instance_uid for row in page.rows]


def test_filters_and_columns_find_and_sort(engine: Engine) -> None:
    """By priority, by a beginning of name, ID or accession number; wildcards of SQL are text."""
    add_studies(engine, 6)
    assert shown(engine, Filters(reading_priority=ReadingPriority.HIGH)) == ["1.2.3", "1.2.6"]
    assert shown(engine, Filters(text="name004")) == ["1.2.4"]
    assert shown(engine, Filters(text="given")) != []
    assert shown(engine, Filters(text="A5")) == shown(engine, Filters(text="P5")) == ["1.2.5"]
    assert shown(engine, Filters(text="%")) == shown(engine, Filters(text="name00_")) == []
    assert shown(engine, sort=Column.PATIENT, descending=1)[0] == "1.2.6"
    assert shown(engine, Filters(states=(ReadingState.READ,))) == []


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Note every statement that the database is given."""
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SET LOCAL")):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_a_page_costs_two_queries_whatever_is_on_it(engine: Engine) -> None:
    """One for how many, one for the rows; a study's line costs one."""
    for number in (1, 9):
        add_studies(engine, number) if number == 1 else [received(engine, study=f"9.{n}") for n in range(9)]
        with counted(engine) as statements:
            assert len(shown(engine)) >= number
        assert len(statements) == 2


@contextmanager
def explained(engine: Engine) -> Iterator[list[str]]:
    """Note how the database says that it runs every query that is made inside."""
    given: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT"):
            given.append((statement, parameters))

    plans: list[str] = []
    event.listen(engine, "before_cursor_execute", note)
    yield plans
    event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        for statement, parameters in given:
            rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)  # type: ignore[arg-type]
            plans.append("\n".join(str(row[-1]) for row in rows))


def fill(engine: Engine, number: int) -> None:
    """Put studies on the list in bulk, nine of ten open, and have the database look at what it holds."""
    with transaction(engine) as session:
        ids = range(1, number + 1)
        study = {"revision": 1, "status": StudyStatus.REPORTED, "attempts": 1, "queue_priority": QueuePriority.LIVE}
        times = {"first_received_at": NOW, "last_received_at": NOW}
        _add(session, Study, [{"id": n, "study_instance_uid": f"1.2.{n}", **study, **times} for n in ids])
        result = {"revision": 1, "model_version": "m1", "assessment": Assessment.NOT_DETECTED, "created_at": NOW}
        lists = {"considered": [], "notes": [], "reading_priority": ReadingPriority.ROUTINE, "is_shadow": False}
        _add(session, Result, [{"id": n, "study_id": n, **result, **lists} for n in ids])
        entry = {"reader": "", "state_changed_at": NOW, "reading_priority": ReadingPriority.ROUTINE, "rank": 2}
        rows = [
            {
                "study_id": n,
                "result_id": n,
                "token": f"{n:032x}",
                "reading_state": ReadingState.READ if n % 10 == 0 else ReadingState.WAITING,
                "waiting_since_ms": n * 1000,
                "patient_key": f"name{n:05}",
                "patient_id": f"P{n}",
                "accession_number": f"A{n}",
                **entry,
            }
            for n in ids
        ]
        _add(session, WorklistEntry, rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _add(session: Session, table: type[Base], rows: list[dict[str, object]]) -> None:
    """Many rows a statement: PostgreSQL's driver asks the server once for each statement."""
    for start in range(0, len(rows), 1000):
        session.execute(insert(table).values(rows[start : start + 1000]))


def test_ten_thousand_open_studies_cost_a_page_of_rows_and_no_table_scan(engine: Engine) -> None:
    """Sorted from the index that covers the order; study and result are looked up by key, for the rows shown alone."""
    fill(engine, 11_112)
    with explained(engine) as plans:
        found = shown(engine, Filters(states=(ReadingState.WAITING, ReadingState.READING)), offset=5000)
    assert found == [f"1.2.{n}" for n in range(5556, 5650) if n % 10][:50]
    count, rows = plans
    if engine.dialect.name == "sqlite":
        assert "SEARCH worklist_entry USING COVERING INDEX" in count
        assert "COVERING INDEX ix_worklist_entry_reading_order" in rows
        for table in ("worklist_entry", "study", "result"):
            assert f"SEARCH {table} USING" in rows
            assert not re.search(rf"SCAN {table}\b", rows)
    else:
        for table in ("study", "result"):
            assert f"Seq Scan on {table} " not in rows
        assert "Index Scan using pk_study on study" in rows
        assert "Limit" in rows


def test_the_next_study_and_the_newest_change_are_found_by_an_index(sqlite_url: str) -> None:
    """What a key leads to, and what every open page asks for each second, read no table from end to end."""
    made = make_engine(sqlite_url)
    schema.upgrade(made)
    fill(made, 2000)
    row = rows_of(made)[0]
    with explained(made) as plans:
        assert worklist.neighbour(made, row, MAX_WAIT) is not None
        assert worklist.by_token(made, f"{7:032x}") is not None
        assert worklist.newest_event(made) == 0
    following, by_token, newest = plans
    assert "COVERING INDEX ix_worklist_entry_reading_order" in following
    assert not re.search(r"SCAN worklist_entry\b", following)
    assert "SCAN" not in by_token
    assert "TEMP B-TREE" not in newest
    made.dispose()


def rows_of(engine: Engine) -> tuple[worklist.Row, ...]:
    """The lines of the first page."""
    return worklist.page(engine, Filters(), Column.READING_ORDER, MAX_WAIT, descending=False, offset=0, limit=50).rows


def entry_of(engine: Engine) -> worklist.Row:
    """The only line."""
    (row,) = rows_of(engine)
    return row


def test_one_reader_at_a_time(engine: Engine, reader: Account) -> None:
    """Of many who take a study at once one gets it; only they finish it, only they or an admin give it back."""
    received(engine)
    others = [accounts.add(engine, f"r{n}", "x", Role.READER, NOW) for n in range(6)]
    outcomes: dict[str, Outcome] = {}
    start = threading.Barrier(6)

    def attempt(account: Account) -> None:
        start.wait()
        outcomes[account.name] = reading.take(engine, 1, account, NOW)

    threads = [threading.Thread(target=attempt, args=(account,)) for account in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes.values()) == sorted([Outcome.DONE, *[Outcome.HELD] * 5])
    (holder,) = [account for account in others if outcomes[account.name] is Outcome.DONE]
    assert entry_of(engine).entry.reader == holder.name
    assert reading.finish(engine, 1, reader, NOW) is reading.give_back(engine, 1, reader, NOW) is Outcome.HELD
    admin = accounts.add(engine, "admin", "x", Role.ADMIN, NOW)
    assert reading.give_back(engine, 1, admin, NOW) is Outcome.DONE
    assert reading.finish(engine, 1, reader, NOW) is Outcome.DONE
    assert (entry_of(engine).entry.reading_state, entry_of(engine).entry.reader) == (ReadingState.READ, "reader")
    kinds = [(event.kind, event.detail.get("by")) for event in events.of_study(engine, 1)]
    assert kinds[-2:] == [("study_taken", "reader"), ("study_read", "reader")]


def test_a_claim_that_nobody_finishes_ends_and_says_whose_it_was(engine: Engine, reader: Account) -> None:
    """Not before its time, and once; for other systems too, and what was read stays read."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    workitems.add(engine, new(1), NOW)
    received(engine, study="9.1", association_id="a9")
    reading.take(engine, 1, reader, NOW)
    reading.finish(engine, 2, reader, NOW)
    longest = timedelta(hours=2)
    assert reading.expire(engine, longest, NOW + timedelta(minutes=119)) == 0
    assert reading.expire(engine, longest, NOW + longest) == 1
    assert reading.expire(engine, longest, NOW + longest) == 0
    states = {row.study.id: row.entry.reading_state for row in rows_of(engine)}
    assert states == {1: ReadingState.WAITING, 2: ReadingState.READ}
    found = workitems.by_uid(engine, "1.2")
    assert found is not None
    assert (found.lock.state, found.lock.transaction_uid) == (WorkitemState.SCHEDULED, "")
    last = events.of_study(engine, 1)[-1]
    assert (last.kind, last.detail["held_by"], last.detail["after_minutes"]) == ("claim_expired", "reader", 120)
    assert "claim_expired" in [event.kind for event, _ in worklist.audit(engine, None)]


def test_a_claim_of_another_system_does_not_end_by_our_clock(engine: Engine) -> None:
    """It holds the Transaction UID: the claim is its own."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    workitems.add(engine, new(1), NOW)
    workitems.update(engine, "1.2", claim_as("9.1"), NOW)
    assert reading.expire(engine, timedelta(0), NOW + timedelta(days=9)) == 0
    assert entry_of(engine).entry.reading_state is ReadingState.READING


def test_a_late_image_opens_a_study_that_was_read(engine: Engine, reader: Account) -> None:
    """It waits again, from now on; what is only being read stays with its reader."""
    received(engine)
    reading.take(engine, 1, reader, NOW)
    received(engine, 2)
    assert entry_of(engine).entry.reading_state is ReadingState.READING
    reading.finish(engine, 1, reader, NOW)
    received(engine, 3, received_at=LATER)
    found = entry_of(engine)
    assert (found.entry.reading_state, found.entry.reader, found.waiting_since) == (ReadingState.WAITING, "", LATER)


def test_the_page_and_other_systems_claim_the_same_thing(engine: Engine, reader: Account) -> None:
    """What is taken on the page is IN PROGRESS for others, and what others claim cannot be taken on the page."""
    received(engine)
    claim = claimed(engine)
    results.commit_result(engine, claim, suspected(), [], LATER)
    (result,) = results.of_study(engine, 1)
    workitems.add(engine, new(result.id), NOW)
    reading.take(engine, 1, reader, NOW)
    assert workitems.update(engine, "1.2", claim_as("9.1"), NOW).value == "already in progress"
    reading.give_back(engine, 1, reader, NOW)
    workitems.update(engine, "1.2", claim_as("9.1"), NOW)
    assert (entry_of(engine).entry.reading_state, entry_of(engine).entry.reader) == (ReadingState.READING, "READER")
    assert reading.take(engine, 1, reader, NOW) is Outcome.HELD


def test_a_claim_elsewhere_is_of_one_result(engine: Engine, reader: Account) -> None:
    """A newer result has a workitem of its own, free for everybody, here and elsewhere; a claim on the page stays."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    workitems.add(engine, new(1), NOW)
    workitems.update(engine, "1.2", claim_as("9.1"), NOW)
    received(engine, 2, received_at=LATER)
    later = LATER + timedelta(hours=1)
    results.commit_result(engine, claimed(engine, at=later), suspected(), [], later)
    assert entry_of(engine).entry.reading_state is ReadingState.WAITING
    workitems.add(engine, new(2, "1.3"), NOW)
    found = workitems.by_uid(engine, "1.3")
    assert found is not None
    assert found.lock.state is WorkitemState.SCHEDULED
    assert reading.take(engine, 1, reader, NOW) is Outcome.DONE


def test_a_workitem_of_a_study_that_is_read_already_is_completed(engine: Engine, reader: Account) -> None:
    """Nobody elsewhere is asked to read it again."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    (result,) = results.of_study(engine, 1)
    reading.finish(engine, 1, reader, NOW)
    workitems.add(engine, new(result.id), NOW)
    found = workitems.by_uid(engine, "1.2")
    assert found is not None
    assert found.lock.state is WorkitemState.COMPLETED
    assert found.lock.transaction_uid != ""


def test_feedback_is_tied_to_its_result_and_kept(engine: Engine, reader: Account) -> None:
    """Each word stays beside the result that it is about; a result that is not there takes none."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    assert feedback.give(engine, 1, reader, Verdict.AGREE, "pneumonia", "", NOW)
    assert feedback.give(engine, 1, reader, Verdict.DISAGREE, "", "scapula", LATER)
    assert not feedback.give(engine, 99, reader, Verdict.AGREE, "", "", NOW)
    said = feedback.of_study(engine, 1)
    assert [(one.result_id, one.verdict, one.by) for one in said] == [
        (1, Verdict.AGREE, "reader"),
        (1, Verdict.DISAGREE, "reader"),
    ]


def test_what_came_before_there_was_a_page_is_put_on_it(sqlite_url: str) -> None:
    """Unread, with its result and since when it waits."""
    made = make_engine(sqlite_url)
    schema.upgrade(made)
    received(made)
    results.commit_result(made, claimed(made), suspected(), [], LATER)
    before = entry_of(made)
    schema.downgrade(made, "0005")
    schema.upgrade(made)
    after = entry_of(made)
    assert after.entry.token != before.entry.token
    assert (after.waiting_since, after.entry.rank, after.entry.result_id) == (NOW, 1, 1)
    made.dispose()
