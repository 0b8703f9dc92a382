"""`simulate-pacs` refuses what it could not do, in words and before it listens."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from admin.cli import build_app
from domain.errors import ConfigurationInvalid


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--refuse-status", "zz"), "hexadecimal"),
        (("--refuse-status", "0000"), "0x0000"),
        (("--refuse-status", "FF00"), "0xFF00"),
        (("--abort", "--drop"), "choose one"),
        (("--slow", "inf"), "0 to"),
        (("--count", "2"), "needs a fault"),
        (("--ae-title", "MUCH TOO LONG A TITLE"), "--ae-title"),
        (("--to", "A@127.0.0.1:1"), "--send"),
        (("--send", "{folder}"), "--to"),
        (("--send", "{folder}", "--to", "A@127.0.0.1:1"), "no file"),
        (("--send", "{folder}/none", "--to", "A@127.0.0.1:1"), "none"),
        (("--send", "{file}", "--to", "A"), "AET@HOST:PORT"),
        (("--route-to", "A"), "AET@HOST:PORT"),
        (("--keep", "{file}"), "--keep"),
        (("--host", "no-such-host.invalid"), "cannot listen"),
        (("--port", "{taken}"), "cannot listen"),
    ],
)
def test_options_that_cannot_be_met_are_refused(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """Impossible values, and options that make no sense together or alone, end it at once."""
    (tmp_path / "empty").mkdir()
    file = tmp_path / "file"
    file.write_bytes(b"")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = {"folder": tmp_path / "empty", "file": file, "taken": taken.getsockname()[1]}
        given = ["simulate-pacs", "--port", "0", *(option.format(**place) for option in options)]
        result = CliRunner().invoke(build_app(given), given)
    assert isinstance(result.exception, ConfigurationInvalid), result.output
    assert words in str(result.exception)
    assert "receives" not in result.output
