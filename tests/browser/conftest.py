"""Debian's Chromium before the real page, served by the real command on a data folder with real studies.

In CI a browser that is missing is a failure; on a newcomer's machine the tests are left out, in one line.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine

from db import accounts, schema
from db.session import make_engine
from dicom_gateway.instance_store import InstanceStore
from domain.clock import utc_now
from domain.reading import Role
from worker.lifeline import die_with_parent

_LEFT_OUT = "tests in a browser are left out: they need the Debian packages of tests/browser/packages"
_START_SECONDS = 120.0
_POLL_SECONDS = 0.1
#: Milliseconds for one step, on a busy machine.
PATIENCE = 60_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed; see tests/browser/packages")
        pytest.skip(_LEFT_OUT)
    with sync_playwright() as playwright:
        # Without the sandbox: CI runs as root in a container, where Chromium refuses to make one.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The database of the data folder, with a reader and an admin who sign in by link."""
    made = make_engine(f"sqlite:///{tmp_path / 'cxr-triage.sqlite'}")
    schema.upgrade(made)
    accounts.add(made, "anna", "", Role.READER, utc_now())
    accounts.add(made, "chief", "", Role.ADMIN, utc_now())
    yield made
    made.dispose()


@pytest.fixture
def store(tmp_path: Path) -> InstanceStore:
    """The instance store of the data folder."""
    return InstanceStore(tmp_path)


@pytest.fixture
def address(tmp_path: Path, engine: Engine) -> Iterator[str]:
    """Where `cxr-triage worklist` listens."""
    del engine
    command = [sys.executable, "-m", "admin", "worklist", "--data-dir", str(tmp_path), "--port", "0"]
    with (tmp_path / "worklist.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)  # noqa: PLW1509 - as the supervisor does
    published = tmp_path / "run" / "worklist.json"
    deadline = time.monotonic() + _START_SECONDS
    while not published.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    assert published.is_file(), (tmp_path / "worklist.log").read_text()
    yield json.loads(published.read_text())["address"]
    process.terminate()
    assert process.wait(_START_SECONDS) == 0


def open_as(browser: Browser, engine: Engine, address: str, name: str, width: int = 1280, height: int = 800) -> Page:
    """Sign in by link, in a browser of one's own; an error on the page fails the test that reads `page.errors`."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    token = accounts.make_link(engine, name, utc_now(), timedelta(minutes=5))
    page.goto(f"{address}/link/{token}")
    return page
