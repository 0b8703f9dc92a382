"""docker/compose.yaml says what this code understands; to build and run it needs Docker, which the tests do without."""

from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from admin.cli import build_app
from config.load import load_settings

_COMPOSE = yaml.safe_load((Path(__file__).parents[3] / "docker" / "compose.yaml").read_text())
_OURS = {name: part for name, part in _COMPOSE["services"].items() if part.get("image") == "cxr-triage"}
#: What the operator gives, and what is taken where nothing is given.
_GIVEN = {
    "${CXR_DB_PASSWORD:?set it}": "a-password",
    "${CXR_DICOMWEB_TOKEN:-}": "a-token-made-by-chance",
    "${CXR_DESTINATIONS:-[]}": "[]",
}


@pytest.mark.parametrize("name", _OURS)
def test_each_part_has_a_command_and_settings_that_can_work(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The settings are refused here as they would be in the container: an unknown key, an address without TLS."""
    part = _OURS[name]
    for file in ("server.pem", "server.key"):
        (tmp_path / file).touch()
    for key, value in part["environment"].items():
        for asked, given in _GIVEN.items():
            value = value.replace(asked, given)  # noqa: PLW2901 - what Docker puts in
        assert "${" not in value, key
        monkeypatch.setenv(key, value.replace("/tls", str(tmp_path)))
    settings = load_settings()
    assert part["command"][0] in get_command(build_app()).list_commands(None)  # type: ignore[attr-defined]
    ports = {"listen": settings.listener.port, "worklist": settings.worklist.port, "dicomweb": settings.dicomweb.port}
    assert part.get("ports", []) == ([f"{ports[name]}:{ports[name]}"] if name in ports else [])
