"""The listener process: what it publishes, and what it leaves to others on the same data folder."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from config.load import load_settings
from config.settings import Settings
from db import schema
from db.session import make_engine
from worker.listening import published_address, run_listener

_WAIT_SECONDS = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a listener on a free port, with a database."""
    made = load_settings(
        None, {"service": {"data_dir": tmp_path / "data"}, "listener": {"host": "127.0.0.1", "port": 0}}
    )
    made.run_dir.mkdir(parents=True)
    engine = make_engine(made.database_url)
    schema.upgrade(engine)
    engine.dispose()
    return made


@contextmanager
def _listening(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Run a listener in a thread, and give what it published."""
    published: Queue[str] = Queue()
    replace = Path.replace

    def noted(temporary: Path, target: Path) -> Path:
        placed = replace(temporary, target)
        if placed.name == "listener.json":
            published.put(placed.read_text())
        return placed

    monkeypatch.setattr(Path, "replace", noted)
    stop = threading.Event()
    thread = threading.Thread(target=run_listener, args=(settings, stop))
    thread.start()
    try:
        yield json.loads(published.get(timeout=_WAIT_SECONDS))
    finally:
        stop.set()
        thread.join()


def test_an_address_is_published_and_withdrawn(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it listens everyone can find it; afterwards nobody looks for it."""
    with _listening(settings, monkeypatch) as address:
        assert published_address(settings) == address
        assert address["pid"] == os.getpid()
    assert not (settings.run_dir / "listener.json").exists()


def test_an_address_of_another_listener_is_left(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever published last on a shared data folder stays findable when the earlier one stops."""
    file = settings.run_dir / "listener.json"
    with _listening(settings, monkeypatch) as address:
        file.write_text(json.dumps({**address, "port": 1, "pid": os.getppid()}))
    assert json.loads(file.read_text())["port"] == 1


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"pid": "x"}', '{"pid": -1}', '{"pid": 99999999}'])
def test_a_damaged_address_is_none(settings: Settings, content: str) -> None:
    """`status` and `doctor` go on where the file says nothing that a listener wrote."""
    (settings.run_dir / "listener.json").write_text(content)
    assert published_address(settings) is None


def test_a_second_listener_leaves_what_the_first_receives(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-received file outlives the start of another listener on the folder, and not that of a lone one."""
    half_received = settings.service.data_dir / "incoming" / "half.part"
    with _listening(settings, monkeypatch):
        half_received.write_bytes(b"half")
        with _listening(settings, monkeypatch):
            assert half_received.exists()
    with _listening(settings, monkeypatch):
        assert not half_received.exists()
