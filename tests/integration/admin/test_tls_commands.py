"""TLS as administrators meet it: doctor, send, simulate-pacs' options, and a start that says what is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from admin.cli import build_app
from admin.tls_options import called_tls, calling_tls
from config.load import load_settings
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.tls import ServerTls
from domain.errors import ConfigurationInvalid
from tests.acceptance.xrays import write_xray
from tests.authority import Authority, Issued
from worker.gateway_values import require_tls_files


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A new authority."""
    return Authority(tmp_path / "ca")


def run(*words: str | Path) -> tuple[int, str]:
    """Run a command in this process; give its exit status and standard output."""
    texts = [str(word) for word in words]
    result = CliRunner().invoke(build_app(texts), texts)
    return result.exit_code, result.stdout


def settings_file(folder: Path, authority: Authority, ours: Issued, pacs_port: int) -> Path:
    """Write settings with TLS both ways."""
    file = folder / "cxr.toml"
    file.write_text(
        f'[service]\ndata_dir = "{folder}/data"\n[listener.tls]\nport = 0\n'
        f'certificate = "{ours.certificate}"\nkey = "{ours.key}"\nca = "{authority.file}"\n'
        '[peers.room]\nae_title = "ROOM"\naddresses = ["192.0.2.0/24"]\n'
        f'[[destinations]]\nname = "pacs"\nae_title = "SIMPACS"\nhost = "127.0.0.1"\nport = {pacs_port}\n'
        f'tls = {{ ca = "{authority.file}", certificate = "{ours.certificate}", key = "{ours.key}" }}\n'
    )
    return file


def test_doctor_echoes_by_tls_and_counts_the_days(authority: Authority, tmp_path: Path) -> None:
    """A certificate with time left is well; C-ECHO goes by mutual TLS."""
    ours, theirs = authority.issue("ours", to_days=90.5), authority.issue("pacs")
    with SimulatedPacs("SIMPACS", tls=ServerTls(theirs.certificate, theirs.key, authority.file)) as pacs:
        file = settings_file(tmp_path, authority, ours, pacs.address[1])
        _, printed = run("doctor", "--config", file, "--json")
    checks = {check["part"]: check for check in json.loads(printed)}
    assert checks["C-ECHO pacs"]["ok"], checks
    for part in ("TLS listener", "TLS pacs"):
        assert checks[part]["ok"]
        assert "90 days left" in checks[part]["found"]


@pytest.mark.parametrize(("days", "words"), [(9.5, "9 days left"), (-0.5, "has run out")])
def test_doctor_tells_of_a_certificate_that_runs_out(
    authority: Authority, tmp_path: Path, days: float, words: str
) -> None:
    """In time, and too late; with what to do."""
    file = settings_file(tmp_path, authority, authority.issue("ours", to_days=days), 1)
    status, printed = run("doctor", "--config", file, "--json")
    check = {check["part"]: check for check in json.loads(printed)}["TLS listener"]
    assert status == 1
    assert not check["ok"]
    assert words in check["found"]
    assert "renew" in check["mend"]


def test_a_process_does_not_start_with_files_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    """What every connection would fail of is told once, at the start."""
    ours = authority.issue("ours")
    file = settings_file(tmp_path, authority, ours, 1)
    require_tls_files(load_settings(file))
    ours.key.unlink()
    with pytest.raises(ConfigurationInvalid, match=r"private key .*ours\.key cannot be read"):
        require_tls_files(load_settings(file))


def test_config_show_shows_peers_and_tls(authority: Authority, tmp_path: Path) -> None:
    """Named peers and the files of TLS are part of what is in force."""
    file = settings_file(tmp_path, authority, authority.issue("ours"), 1)
    _, printed = run("config", "show", "--config", file, "--json")
    shown = json.loads(printed)
    assert shown["peers"]["room"]["addresses"] == ["192.0.2.0/24"]
    assert shown["listener"]["tls"]["certificate"].endswith("ours.pem")
    _, printed = run("config", "show", "--config", file)
    assert "192.0.2.0/24" in printed


def test_send_by_tls(authority: Authority, tmp_path: Path) -> None:
    """With our certificate the image arrives; without it the reason is printed."""
    theirs, ours = authority.issue("pacs"), authority.issue("ours")
    image = write_xray(tmp_path / "images")
    with SimulatedPacs("SIMPACS", tls=ServerTls(theirs.certificate, theirs.key, authority.file)) as pacs:
        to = ("send", image, "--json", "--to", f"SIMPACS@127.0.0.1:{pacs.address[1]}", "--tls-ca", authority.file)
        status, printed = run(*to, "--tls-cert", ours.certificate, "--tls-key", ours.key)
        assert status == 0, printed
        status, printed = run(*to)
    assert status == 1
    assert "certificate" in json.loads(printed)["reason"]
    assert len(pacs.instances) == 1


def test_options_become_tls_for_both_ways(authority: Authority) -> None:
    """One set of options for a command that calls and is called; what cannot work is refused."""
    ours = authority.issue("ours")
    assert calling_tls(False, None, None, None, False) is None
    calling = calling_tls(False, authority.file, ours.certificate, ours.key, True)
    assert calling is not None
    assert not calling.checks_name
    assert called_tls(calling) == ServerTls(ours.certificate, ours.key, authority.file)
    with pytest.raises(ConfigurationInvalid, match="--tls-cert and --tls-key"):
        called_tls(calling_tls(True, None, None, None, False))
