from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from db import accounts, api_tokens
from db.session import reading
from domain.errors import Rejected
from domain.reading import Role
from tests.integration.db.builders import NOW

DAY = timedelta(days=1)


@pytest.fixture
def known(engine: Engine) -> Engine:
    """A database with a reader and an admin."""
    accounts.add(engine, "anna", "hash", Role.READER, NOW)
    accounts.add(engine, "chief", "hash", Role.ADMIN, NOW)
    return engine


def test_a_token_stands_for_its_account_until_it_ends(known: Engine) -> None:
    """From the moment of its end on it is nobody's; so is what was never made."""
    token, row = api_tokens.make(known, "chief", Role.READER, "viewer", NOW, DAY)
    bearer = api_tokens.bearer_of(known, token, NOW)
    assert bearer is not None
    assert (bearer.account.name, bearer.role, bearer.token_id) == ("chief", Role.READER, row.id)
    assert api_tokens.bearer_of(known, token, NOW + DAY) is None
    assert api_tokens.bearer_of(known, token + "x", NOW) is None


def test_a_token_is_nowhere_in_the_database(known: Engine) -> None:
    """Whoever copies the database can sign in with none of it."""
    token, _ = api_tokens.make(known, "anna", Role.READER, "viewer", NOW, DAY)
    with reading(known) as session:
        kept = (
            session.execute(text("SELECT * FROM api_token")).all() + session.execute(text("SELECT * FROM event")).all()
        )
    assert token not in str(kept)
    assert token.removeprefix(api_tokens.PREFIX) not in str(kept)


def test_a_revoked_token_is_over_at_once_and_stays_listed(known: Engine) -> None:
    """It cannot be revoked twice, and what was used when stays known."""
    token, row = api_tokens.make(known, "anna", Role.READER, "viewer", NOW, DAY)
    api_tokens.bearer_of(known, token, NOW)
    api_tokens.revoke(known, row.id, NOW)
    assert api_tokens.bearer_of(known, token, NOW) is None
    ((kept, name),) = api_tokens.listed(known)
    assert (name, kept.revoked_at, kept.used_at, kept.label) == ("anna", NOW, NOW, "viewer")
    with pytest.raises(Rejected, match="revoked"):
        api_tokens.revoke(known, row.id, NOW)


def test_a_token_dies_with_its_account_and_may_do_no_more_than_it(known: Engine) -> None:
    """A reader makes no admin's token; who is disabled is out by token too."""
    with pytest.raises(Rejected, match="no admin"):
        api_tokens.make(known, "anna", Role.ADMIN, "", NOW, DAY)
    with pytest.raises(Rejected, match="no account"):
        api_tokens.make(known, "nobody", Role.READER, "", NOW, DAY)
    token, _ = api_tokens.make(known, "anna", Role.READER, "", NOW, DAY)
    accounts.disable(known, "anna", NOW)
    assert api_tokens.bearer_of(known, token, NOW) is None
