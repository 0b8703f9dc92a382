"""The demo's reading worklist: one click from the terminal to the page."""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from admin.output import console
from db import accounts
from db.session import Engine
from domain.clock import utc_now
from domain.errors import Rejected
from domain.reading import Role

#: On loopback alone, on a free port.
WORKLIST_ENVIRONMENT: Mapping[str, str] = {"CXR_WORKLIST__ENABLED": "true", "CXR_WORKLIST__PORT": "0"}
_NAME = "demo"
_VALID = timedelta(hours=8)
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.2


def show_sign_in_link(engine: Engine, data_dir: Path) -> None:
    """Print a link that signs in once; the account has no password, so that nothing else does."""
    if accounts.find(engine, _NAME) is None:
        accounts.add(engine, _NAME, "", Role.ADMIN, utc_now())
    token = accounts.make_link(engine, _NAME, utc_now(), _VALID)
    address = _address(data_dir / "run" / "worklist.json")
    console.print("\nThe reading worklist; this link signs in once:")
    console.print(f"  {address}/link/{token}", soft_wrap=True, highlight=False, markup=False)


def _address(file: Path) -> str:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if file.is_file():
            return str(json.loads(file.read_text())["address"])
        time.sleep(_POLL_SECONDS)
    raise Rejected("the worklist did not start; see service.log")
