from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db import accounts, reading, worklist
from db.worklist_tables import Account
from domain.errors import Rejected
from domain.reading import Role
from tests.integration.db.builders import LATER, NOW, received
from tests.integration.db.test_worklist import entry_of

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=10)


@pytest.fixture
def account(engine: Engine) -> Account:
    """An account."""
    return accounts.add(engine, "reader", "hash", Role.READER, NOW)


def test_a_session_ends_when_idle_and_when_it_is_old(engine: Engine, account: Account) -> None:
    """A page that renews itself keeps nobody signed in; a person's own requests do, up to the longest time."""
    token = accounts.begin(engine, account, NOW)

    def alive(after: timedelta, *, is_active: bool = False) -> bool:
        return accounts.session_of(engine, token, NOW + after, IDLE, LONGEST, is_active=is_active) is not None

    minute = timedelta(minutes=1)
    assert alive(29 * minute)
    assert not alive(31 * minute)
    assert alive(29 * minute, is_active=True)
    assert alive(58 * minute)
    assert not alive(LONGEST)
    accounts.end(engine, token, LATER)
    assert not alive(minute)


def test_a_link_signs_in_once_and_within_its_time(engine: Engine, account: Account) -> None:
    """The second click, and a late one, are strangers."""
    link = accounts.make_link(engine, "reader", NOW, timedelta(minutes=15))
    used = accounts.use_link(engine, link, LATER)
    assert used is not None
    assert used.id == account.id
    assert accounts.use_link(engine, link, LATER) is None
    late = accounts.make_link(engine, "reader", NOW, timedelta(minutes=15))
    assert accounts.use_link(engine, late, NOW + timedelta(minutes=16)) is None


def test_a_disabled_account_is_out_at_once_and_holds_nothing(engine: Engine, account: Account) -> None:
    """Its session ends, its link is void, its studies are open again."""
    received(engine)
    reading.take(engine, 1, account, NOW)
    token, link = accounts.begin(engine, account, NOW), accounts.make_link(engine, "reader", NOW, IDLE)
    accounts.disable(engine, "reader", NOW)
    assert accounts.session_of(engine, token, NOW, IDLE, LONGEST, is_active=True) is None
    assert accounts.use_link(engine, link, NOW) is None
    assert accounts.find(engine, "reader") is None
    assert entry_of(engine).entry.reading_state.value == "WAITING"
    with pytest.raises(Rejected, match="disabled"):
        accounts.set_password(engine, "reader", "x", NOW)


def test_no_secret_is_kept_as_it_is(engine: Engine, account: Account) -> None:
    """Who reads the database cannot sign in with what it holds."""
    tokens = {accounts.begin(engine, account, NOW), accounts.make_link(engine, "reader", NOW, IDLE)}
    with engine.connect() as connection:
        for table in ("sign_in", "sign_in_link"):
            kept = str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())  # noqa: S608 - our own names
            assert not any(token in kept for token in tokens)


def test_what_people_did_is_listed(engine: Engine, account: Account) -> None:
    """Who, when and what; a refused sign-in with where from."""
    accounts.begin(engine, account, NOW)
    accounts.note_refused(engine, "192.0.2.1", NOW)
    found = [(event.kind, event.detail) for event, _ in worklist.audit(engine, None)]
    assert found == [
        ("account_changed", {"account": "reader", "change": "added", "role": "reader"}),
        ("signed_in", {"by": "reader"}),
        ("sign_in_refused", {"address": "192.0.2.1"}),
    ]
