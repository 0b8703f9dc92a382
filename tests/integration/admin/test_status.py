"""`cxr-triage status`: where the service is reached, where its results go, and which of its processes live."""

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from admin.cli import build_app
from db import processes
from db.processes import Life
from db.session import make_engine
from domain.clock import utc_now
from tests.integration.worklist.stow import stow_process, stow_settings

_PATIENCE_SECONDS = 60.0


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder with a database."""
    return stow_settings(tmp_path / "data").service.data_dir


def _status(data_dir: Path) -> dict[str, Any]:
    return json.loads(_printed(data_dir, "--json"))


def _printed(data_dir: Path, *words: str) -> str:
    words = ("status", "--data-dir", str(data_dir), *words)
    result = CliRunner().invoke(build_app(words), words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_stow_rs_server_is_shown_while_it_lives(data_dir: Path) -> None:
    """Its address and its signs of life; killed, the address is no longer shown and the process still is."""
    assert _status(data_dir)["dicomweb"] == {"address": "not running on this data folder"}
    with stow_process(data_dir) as (server, address):
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (shown := _status(data_dir))["processes"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (life,) = shown["processes"]
        assert (life["name"], life["pid"], life["is_silent"]) == ("dicomweb", server.pid, False)
        assert shown["dicomweb"]["address"] == f"{address}/dicomweb"
    left = _status(data_dir)
    assert left["dicomweb"] == {"address": "not running on this data folder"}
    assert [one["pid"] for one in left["processes"]] == [server.pid]


def test_a_process_that_went_silent_is_said_to_be(data_dir: Path) -> None:
    """On another host too, by name; one that lives is only listed."""
    engine = make_engine(f"sqlite:///{data_dir / 'cxr-triage.sqlite'}")
    now = utc_now()
    processes.note_alive(engine, Life("1", "sweep", "reader-1", 7, now), now)
    processes.note_alive(engine, Life("2", "work-analyse", "reader-2", 8, now), now - timedelta(minutes=5))
    engine.dispose()
    assert [(one["host"], one["is_silent"]) for one in _status(data_dir)["processes"]] == [
        ("reader-1", False),
        ("reader-2", True),
    ]
    (living,) = [line for line in _printed(data_dir).splitlines() if "reader-1" in line]
    (gone,) = [line for line in _printed(data_dir).splitlines() if "reader-2" in line]
    assert "SILENT" in gone
    assert "SILENT" not in living


def test_destinations_of_every_kind_are_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its address and the way results go there."""
    dicom = {"name": "pacs", "ae_title": "PACS", "host": "10.0.0.1", "port": 104}
    monkeypatch.setenv("CXR_DESTINATIONS", json.dumps([dicom]))
    monkeypatch.setenv("CXR_UPS_DESTINATIONS", json.dumps([{**dicom, "name": "manager"}]))
    monkeypatch.setenv("CXR_HL7_DESTINATIONS", json.dumps([{"name": "ris", "host": "10.0.0.2", "port": 2575}]))
    web = {"name": "vna", "url": "https://vna.example/dicomweb", "bearer_token": "hush-hush"}
    monkeypatch.setenv("CXR_DICOMWEB_DESTINATIONS", json.dumps([web]))
    monkeypatch.setenv("CXR_READING_WORKLIST__UPS_SCP", "true")
    assert _status(data_dir)["destinations"] == {
        "pacs": "PACS@10.0.0.1:104",
        "manager": "PACS@10.0.0.1:104 by UPS Push",
        "ris": "10.0.0.2:2575 by HL7",
        "vna": "https://vna.example/dicomweb by STOW-RS",
        "reading-worklist": "offered here, by UPS",
    }
    assert "hush" not in _printed(data_dir)
