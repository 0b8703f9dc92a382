"""Tokens for programs: each belongs to an account, has a role and an end, and is kept as a hash only."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, select, update

from db import events
from db.accounts import digest
from db.events import EventKind
from db.session import reading, transaction
from db.worklist_tables import LONGEST_TEXT, Account, ApiToken
from domain.errors import Rejected
from domain.reading import Role

#: Every token begins so: whoever finds one in a file or a log knows what it opens.
PREFIX = "cxr_"
_TOKEN_BYTES = 32
#: The last use is written down no more often than this.
_USED_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a good token stands for."""

    token_id: int
    account: Account
    #: The token's, which may be less than the account's.
    role: Role
    expires_at: datetime


def make(engine: Engine, name: str, role: Role, label: str, now: datetime, valid: timedelta) -> tuple[str, ApiToken]:
    """Make a token for an account; gives it, the only time that it is known, and what is kept.

    Raises Rejected when there is no such account, or it may do less than the token would.
    """
    token = PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    with transaction(engine) as session:
        account = session.scalars(select(Account).where(Account.name == name)).one_or_none()
        if account is None or account.disabled_at is not None:
            raise Rejected(f"there is no account {name}, or it is disabled; `cxr-triage users list` lists them")
        if role is Role.ADMIN and account.role is not Role.ADMIN:
            raise Rejected(f"{name} is no admin, so that no token of theirs can be")
        row = ApiToken(
            token_sha256=digest(token),
            account_id=account.id,
            role=role,
            label=label[:LONGEST_TEXT],
            created_at=now,
            expires_at=now + valid,
        )
        session.add(row)
        session.flush()
        detail = {"account": name, "change": "token made", "token": row.id, "role": role.value}
        events.record(session, now, EventKind.ACCOUNT_CHANGED, None, **detail)
    return token, row


def bearer_of(engine: Engine, token: str, now: datetime) -> Bearer | None:
    """Give who a token stands for; None when it is unknown, over, revoked, or its account is disabled."""
    query = select(ApiToken, Account).join(Account, Account.id == ApiToken.account_id)
    with reading(engine) as session:
        found = session.execute(query.where(ApiToken.token_sha256 == digest(token))).one_or_none()
    if found is None:
        return None
    row, account = found
    if row.revoked_at is not None or row.expires_at <= now or account.disabled_at is not None:
        return None
    if row.used_at is None or row.used_at + _USED_STEP <= now:
        with transaction(engine) as session:
            session.execute(update(ApiToken).where(ApiToken.id == row.id).values(used_at=now))
    return Bearer(row.id, account, row.role, row.expires_at)


def listed(engine: Engine) -> Sequence[tuple[ApiToken, str]]:
    """List every token that was ever made, oldest first, each with the name of its account."""
    query = select(ApiToken, Account.name).join(Account, Account.id == ApiToken.account_id).order_by(ApiToken.id)
    with reading(engine) as session:
        return [(row, name) for row, name in session.execute(query)]


def revoke(engine: Engine, token_id: int, now: datetime) -> None:
    """End a token now. Raises Rejected when there is none, or it was revoked before."""
    with transaction(engine) as session:
        row = session.get(ApiToken, token_id, with_for_update=True)
        if row is None or row.revoked_at is not None:
            raise Rejected(f"there is no token {token_id}, or it is revoked; `cxr-triage users token list` lists them")
        row.revoked_at = now
        name = session.get_one(Account, row.account_id).name
        detail = {"account": name, "change": "token revoked", "token": token_id}
        events.record(session, now, EventKind.ACCOUNT_CHANGED, None, **detail)
