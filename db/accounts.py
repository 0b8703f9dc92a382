"""Accounts, their sessions and their one-time links. Secrets are kept as hashes only."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from db import events
from db import reading as readings
from db.events import EventKind
from db.session import reading, transaction
from db.worklist_tables import Account, SignIn, SignInLink
from domain.errors import Rejected
from domain.reading import Role

_TOKEN_BYTES = 32
#: The last request is written down no more often than this.
_SEEN_STEP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that is good."""

    account: Account
    form_token: str


def digest(token: str) -> str:
    """Give what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def add(engine: Engine, name: str, password_hash: str, role: Role, now: datetime) -> Account:
    """Add an account. Raises Rejected when the name is taken."""
    with transaction(engine) as session:
        if _by_name(session, name) is not None:
            raise Rejected(f"there is an account {name} already")
        account = Account(name=name, password_hash=password_hash, role=role, created_at=now)
        session.add(account)
        _note(session, now, name, "added", role=role.value)
    return account


def set_password(engine: Engine, name: str, password_hash: str, now: datetime) -> None:
    """Change a password and end every session of the account. Raises Rejected."""
    with transaction(engine) as session:
        account = _known(session, name)
        account.password_hash = password_hash
        session.execute(delete(SignIn).where(SignIn.account_id == account.id))
        _note(session, now, name, "password changed")


def disable(engine: Engine, name: str, now: datetime) -> None:
    """Keep an account from signing in, end its sessions, and open again what it holds. Raises Rejected."""
    with transaction(engine) as session:
        account = _known(session, name)
        account.disabled_at = now
        for table in (SignIn, SignInLink):
            session.execute(delete(table).where(table.account_id == account.id))
        readings.release_reader(session, account.id, now)
        _note(session, now, name, "disabled")


def of_subject(engine: Engine, issuer: str, subject: str, name: str, role: Role, now: datetime) -> Account:
    """Give the account of somebody whom an OpenID provider vouches for, made at first, with the role of now.

    Raises Rejected when the name is another account's, or the account is disabled.
    """
    with transaction(engine) as session:
        key = digest(f"{len(issuer)}:{issuer}{subject}")
        account = session.scalars(select(Account).where(Account.subject_sha256 == key)).one_or_none()
        if account is None:
            if _by_name(session, name) is not None:
                raise Rejected("another account has this name already")
            account = Account(name=name, password_hash="", role=role, created_at=now, subject_sha256=key)
            session.add(account)
            _note(session, now, name, "added", role=role.value, by="OpenID Connect")
        if account.disabled_at is not None:
            raise Rejected("this account is disabled")
        if account.role is not role:
            account.role = role
            _note(session, now, account.name, "role changed", role=role.value, by="OpenID Connect")
    return account


def listed(engine: Engine) -> Sequence[Account]:
    """List all accounts by name."""
    with reading(engine) as session:
        return session.scalars(select(Account).order_by(Account.name)).all()


def find(engine: Engine, name: str) -> Account | None:
    """Give the account of that name that may sign in."""
    with reading(engine) as session:
        account = _by_name(session, name)
    return account if account is not None and account.disabled_at is None else None


def make_link(engine: Engine, name: str, now: datetime, valid: timedelta) -> str:
    """Give a token that signs the account in once, within `valid`. Raises Rejected."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with transaction(engine) as session:
        account = _known(session, name)
        session.add(SignInLink(token_sha256=digest(token), account_id=account.id, expires_at=now + valid))
    return token


def use_link(engine: Engine, token: str, now: datetime) -> Account | None:
    """Give the account of a link that is still good; from then on it is not."""
    with transaction(engine) as session:
        session.execute(delete(SignInLink).where(SignInLink.expires_at <= now))
        link = session.get(SignInLink, digest(token), with_for_update=True)
        if link is None:
            return None
        session.delete(link)
        account = session.get_one(Account, link.account_id)
        return account if account.disabled_at is None else None


def begin(engine: Engine, account: Account, now: datetime) -> str:
    """Begin a session; gives the token for the cookie."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with transaction(engine) as session:
        form_token = secrets.token_urlsafe(_TOKEN_BYTES)
        row = SignIn(
            token_sha256=digest(token), account_id=account.id, form_token=form_token, began_at=now, seen_at=now
        )
        session.add(row)
        events.record(session, now, EventKind.SIGNED_IN, None, by=account.name)
    return token


def session_of(
    engine: Engine, token: str, now: datetime, idle: timedelta, longest: timedelta, *, is_active: bool
) -> SignedIn | None:
    """Give the session of a cookie; None when it is unknown, idle for `idle`, or older than `longest`.

    `is_active`: a person did something, so that the time-out begins anew; a page that renews itself does not.
    """
    query = select(SignIn, Account).join(Account, Account.id == SignIn.account_id)
    with reading(engine) as session:
        found = session.execute(query.where(SignIn.token_sha256 == digest(token))).one_or_none()
    if found is None:
        return None
    row, account = found
    if account.disabled_at is not None or row.seen_at + idle <= now or row.began_at + longest <= now:
        return None
    if is_active and row.seen_at + _SEEN_STEP <= now:
        with transaction(engine) as session:
            session.execute(update(SignIn).where(SignIn.token_sha256 == row.token_sha256).values(seen_at=now))
    return SignedIn(account, row.form_token)


def end(engine: Engine, token: str, now: datetime) -> None:
    """End a session."""
    with transaction(engine) as session:
        row = session.get(SignIn, digest(token))
        if row is not None:
            events.record(session, now, EventKind.SIGNED_OUT, None, by=session.get_one(Account, row.account_id).name)
            session.delete(row)


def note_refused(engine: Engine, address: str, now: datetime) -> None:
    """Note an attempt that failed: from where, not as whom, for people type passwords where names belong."""
    with transaction(engine) as session:
        events.record(session, now, EventKind.SIGN_IN_REFUSED, None, address=address)


def _by_name(session: Session, name: str) -> Account | None:
    return session.scalars(select(Account).where(Account.name == name)).one_or_none()


def _known(session: Session, name: str) -> Account:
    account = _by_name(session, name)
    if account is None or account.disabled_at is not None:
        raise Rejected(f"there is no account {name}, or it is disabled; `cxr-triage users list` lists them")
    return account


def _note(session: Session, now: datetime, name: str, change: str, **detail: object) -> None:
    events.record(session, now, EventKind.ACCOUNT_CHANGED, None, account=name, change=change, **detail)
