"""STOW-RS requests for the tests, and a server of ours that takes them."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.load import load_settings
from config.published import DICOMWEB, published
from config.settings import Settings
from db import schema
from db.session import make_engine
from worker.gateway_values import dicomweb_tls
from worker.stow_receiving import receiving_by_stow
from worklist.dicomweb import run_dicomweb

TOKEN = "0123456789abcdef-of-a-test"  # noqa: S105 - of a test's sender
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
CONTENT_TYPE = 'multipart/related; type="application/dicom"; boundary="edge"'
_WAIT_SECONDS = 60.0
StowProcess = tuple[subprocess.Popen[bytes], str]


def body(*files: bytes, media_type: str = "application/dicom") -> bytes:
    """Write the body of a request."""
    head = f"--edge\r\nContent-Type: {media_type}\r\n\r\n".encode()
    return b"".join(head + file + b"\r\n" for file in files) + b"--edge--\r\n"


def stow_settings(data_dir: Path, **dicomweb: Any) -> Settings:
    """Give settings with STOW-RS on a free port, and a database."""
    made = load_settings(
        None,
        {
            "service": {"data_dir": data_dir},
            "dicomweb": {"enabled": True, "port": 0, "bearer_token": TOKEN, **dicomweb},
            "back_pressure": {"stop_below_free_megabytes": 0, "accept_above_free_megabytes": 0, "reserve_megabytes": 0},
        },
    )
    made.run_dir.mkdir(parents=True, exist_ok=True)
    engine = make_engine(made.database_url)
    schema.upgrade(engine)
    engine.dispose()
    return made


@contextmanager
def stow_server(settings: Settings) -> Iterator[str]:
    """Run the server in a thread; gives its address."""
    stop = threading.Event()

    def run() -> None:
        with receiving_by_stow(settings, stop) as reception:
            run_dicomweb(settings, reception, dicomweb_tls(settings.dicomweb), stop)

    file = settings.run_dir / DICOMWEB
    file.unlink(missing_ok=True)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not file.exists():
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield json.loads(file.read_text())["address"]
    finally:
        stop.set()
        thread.join()


@contextmanager
def stow_process(data_dir: Path, environment: Mapping[str, str] | None = None) -> Iterator[StowProcess]:
    """Run the real command; gives its process, to be killed, and its address."""
    switched_on = {"CXR_DICOMWEB__ENABLED": "true", "CXR_DICOMWEB__BEARER_TOKEN": TOKEN, "CXR_DICOMWEB__PORT": "0"}
    command = [sys.executable, "-m", "admin", "dicomweb", "--data-dir", str(data_dir)]
    variables = {**os.environ, **switched_on, **(environment or {})}
    with subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + _WAIT_SECONDS
            while (told := published(data_dir / "run" / DICOMWEB)) is None:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield process, told["address"]
        finally:
            process.kill()
