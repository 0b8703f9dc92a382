"""Tables of the reading worklist's page: what it shows of a study, who reads, and what they say."""

from datetime import datetime

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables import Base, enum_column
from domain.priority import ReadingPriority
from domain.reading import ReadingState, Role, Verdict

#: Base is handed on with every table of both modules known to it.
__all__ = ["Account", "ApiToken", "Base", "Feedback", "SignIn", "SignInLink", "Thumbnail", "WorklistEntry"]

#: Longest text of a header that is kept: a patient name has three component groups of 64 characters (PS3.5 6.2).
LONGEST_NAME, LONGEST_TEXT = 200, 64


class Account(Base):
    """Somebody who may sign in."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    #: Argon2id, with its parameters; "" for an account that signs in by link only.
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(enum_column(Role))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    #: SHA-256 of issuer and subject; None for a local account. A name says nothing of who somebody is.
    subject_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)


class SignIn(Base):
    """One session of an account; the cookie holds the token, this its SHA-256."""

    __tablename__ = "sign_in"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    #: What forms must send along (CSRF).
    form_token: Mapped[str] = mapped_column(String(64))
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class SignInLink(Base):
    """A link that signs in once."""

    __tablename__ = "sign_in_link"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    expires_at: Mapped[datetime]


class ApiToken(Base):
    """What a program signs in with: shown once when it is made, kept as its SHA-256."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    #: Whose name stands beside what is done with it.
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    #: Never more than the account's.
    role: Mapped[Role] = mapped_column(enum_column(Role))
    #: What it is for, in its owner's words.
    label: Mapped[str] = mapped_column(String(LONGEST_TEXT))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    #: To within a minute.
    used_at: Mapped[datetime | None]


class WorklistEntry(Base):
    """One study on the worklist's page: all that a row is found, sorted and shown by, beside study and result."""

    __tablename__ = "worklist_entry"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    #: Random: what URLs name the study by.
    token: Mapped[str] = mapped_column(String(32), unique=True)
    reading_state: Mapped[ReadingState] = mapped_column(enum_column(ReadingState))
    #: Who reads or has read it: an account, or another system's AE title.
    reader_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reader: Mapped[str] = mapped_column(String(64), default="")
    state_changed_at: Mapped[datetime]
    reading_priority: Mapped[ReadingPriority]
    #: `reading_priority.rank`, to calculate with.
    rank: Mapped[int] = mapped_column(Integer)
    #: Since when it waits: milliseconds since 1970, to calculate with.
    waiting_since_ms: Mapped[int] = mapped_column(BigInteger)
    #: The newest result that is no shadow's.
    result_id: Mapped[int | None] = mapped_column(ForeignKey("result.id"))
    #: Of the newest result; None when nothing was scored.
    probability: Mapped[float | None] = mapped_column(Float)
    #: The instance that what follows was read from; None before it was.
    facts_instance_id: Mapped[int | None] = mapped_column(ForeignKey("instance.id"))
    #: DICOM PN, as normalised.
    patient_name: Mapped[str] = mapped_column(String(LONGEST_NAME), default="")
    #: For search and sorting: folded to lower case.
    patient_key: Mapped[str] = mapped_column(String(LONGEST_NAME), default="")
    patient_id: Mapped[str] = mapped_column(String(LONGEST_TEXT), default="")
    #: YYYYMMDD.
    birth_date: Mapped[str] = mapped_column(String(8), default="")
    sex: Mapped[str] = mapped_column(String(16), default="")
    #: YYYYMMDDHHMMSS, or its beginning.
    study_moment: Mapped[str] = mapped_column(String(14), default="")
    accession_number: Mapped[str] = mapped_column(String(LONGEST_TEXT), default="")
    study_description: Mapped[str] = mapped_column(String(LONGEST_TEXT), default="")

    __table_args__ = (
        # Covers the reading order: a page sorts it and then reads only the rows that it shows.
        Index("ix_worklist_entry_reading_order", "reading_state", "rank", "waiting_since_ms", "study_id"),
        Index(None, "reading_state", "patient_key"),
        Index(None, "reading_state", "study_moment"),
        Index(None, "accession_number"),
        Index(None, "patient_id"),
        Index(None, "facts_instance_id"),
        Index(None, "result_id"),
    )


class Thumbnail(Base):
    """The small picture of a study's row, made once for each result."""

    __tablename__ = "thumbnail"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    #: The result that its heat map is of; 0 for none.
    result_id: Mapped[int] = mapped_column(Integer)
    #: PNG; empty when no image of the study can be shown.
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Feedback(Base):
    """What a reader says of one result. Nothing is changed afterwards: the newest of a reader counts."""

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    verdict: Mapped[Verdict] = mapped_column(enum_column(Verdict))
    finding: Mapped[str] = mapped_column(String(LONGEST_TEXT))
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
