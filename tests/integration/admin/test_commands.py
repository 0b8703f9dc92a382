import json
import os
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from admin.cli import build_app
from admin.options import parse_peer
from db import schema
from domain.errors import ConfigurationInvalid, CxrTriageError
from tests.acceptance.xrays import SAMPLES, write_xray

_ONE_OF_EACH = ("person51_bacteria_247.jpeg", "IM-0223-0001.jpeg")


def run(*words: str) -> str:
    """Run a command in this process, and give its standard output."""
    result = CliRunner().invoke(build_app(words), list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_predict_says_of_every_file_what_became_of_it(tmp_path: Path) -> None:
    """One JSON object a line: analysed, refused with a code, or failed; nothing raises."""
    whole = write_xray(tmp_path, study=1).read_bytes()
    write_xray(tmp_path, study=2, view="LL")
    (tmp_path / "3-broken.dcm").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "4-empty").write_bytes(b"")
    (tmp_path / "5-xray.jpeg").symlink_to(SAMPLES / "xrays" / "person51_bacteria_247.jpeg")
    (tmp_path / "6-text.png").write_text("not a picture")
    lines = [json.loads(line) for line in run("predict", str(tmp_path), "--json").splitlines()]
    told = [(Path(line["file"]).name, line["status"], line["code"]) for line in lines]
    assert told == [
        ("1-1.dcm", "analysed", None),
        ("2-1.dcm", "refused", "not_frontal"),
        ("3-broken.dcm", "refused", "undecodable"),
        ("4-empty", "refused", "undecodable"),
        ("5-xray.jpeg", "analysed", None),
        ("6-text.png", "refused", "undecodable"),
    ]
    assert all(set(line) == {"file", "status", "code", "reason", "probability", "assessment"} for line in lines)
    assert all((line["probability"] is None) == (line["status"] != "analysed") for line in lines)


def test_predict_draws_the_heat_map_of_a_suspected_image_only(tmp_path: Path) -> None:
    """One PNG of the image's own size, in colour."""
    suspected, clear = (str(SAMPLES / "xrays" / name) for name in _ONE_OF_EACH)
    run("predict", suspected, clear, "--heat-map", str(tmp_path / "maps"))
    (drawn,) = (tmp_path / "maps").iterdir()
    with Image.open(drawn) as picture, Image.open(suspected) as xray:
        assert (picture.mode, picture.size) == ("RGB", xray.size)


def test_predict_of_a_missing_file_fails_and_says_so(tmp_path: Path) -> None:
    """Exit status 1, and the reason in the line."""
    words = ("predict", str(tmp_path / "none.dcm"), "--json")
    result = CliRunner().invoke(build_app(words), list(words))
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == "failed"


def test_config_show_masks_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords in URLs are not printed, in either form."""
    monkeypatch.setenv("CXR_DATABASE__URL", "postgresql://cxr:hunter2@db/cxr")
    monkeypatch.setenv("CXR_BROKER__URL", "redis://:hunter2@broker/0")
    for words in (("config", "show"), ("config", "show", "--json")):
        printed = run(*words)
        assert "hunter2" not in printed
        assert "cxr:***@db" in printed


@pytest.mark.parametrize(
    "url", ["redis://:hush@h:port/0", "redis://h/0?password=hush", "rediss://h/0?ssl_keyfile_password=hush", "hush"]
)
def test_config_show_masks_secrets_of_odd_urls(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A password in the query, or in what is no URL at all, is not printed either; nothing raises."""
    monkeypatch.setenv("CXR_BROKER__URL", url)
    assert "hush" not in run("config", "show")


def test_doctor_names_each_fault_and_how_to_mend_it(tmp_path: Path) -> None:
    """On a fresh folder with a PACS that is not there: exit status 1, and a remedy for each fault."""
    words = ("doctor", "--data-dir", str(tmp_path), "--dicom-port", "0", "--pacs", "NOBODY@127.0.0.1:1", "--json")
    result = CliRunner().invoke(build_app(words), list(words))
    assert result.exit_code == 1
    checks = {check["part"]: check for check in json.loads(result.stdout)}
    assert {part for part, check in checks.items() if not check["ok"]} >= {"database", "C-ECHO pacs"}
    assert checks["model"]["ok"]
    assert all(check["mend"] for check in checks.values() if not check["ok"])


def test_db_upgrade_makes_the_tables_and_status_then_answers(tmp_path: Path) -> None:
    """Before: refused with the remedy; after: counts of zero."""
    place = ("--data-dir", str(tmp_path))
    with pytest.raises(CxrTriageError, match="db upgrade"):
        run("status", "--json", *place)
    assert schema.newest_revision() in run("db", "upgrade", *place)
    status = json.loads(run("status", "--json", *place))
    assert status["studies"]["REPORTED"] == 0
    assert "unavailable" in status["queue"]


@pytest.mark.parametrize(
    "text",
    [
        "PACS",
        "PACS@host",
        "PACS@host:port",
        "@host:1",
        "MUCHTOOLONGATITLE@h:1",
        "A\\B@h:1",
        "A@h:0",
        "A@h:70000",
        "A@h h:1",
        "A@a..b:1",
    ],
)
def test_a_peer_that_is_no_peer_is_refused_with_an_example(text: str) -> None:
    """AET@HOST:PORT, or a message that shows how."""
    with pytest.raises(ConfigurationInvalid, match="AET@HOST:PORT"):
        parse_peer(text)


def test_a_calling_ae_title_that_is_none_is_refused(tmp_path: Path) -> None:
    """The option is named, before anything is sent."""
    with pytest.raises(ConfigurationInvalid, match=r"--calling .* AE title"):
        run("send", str(tmp_path), "--to", "PACS@127.0.0.1:1", "--calling", "MUCH TOO LONG A TITLE")


def test_a_peer_may_be_an_ipv6_address() -> None:
    """The brackets are taken off."""
    assert parse_peer("PACS@[::1]:104") == {"ae_title": "PACS", "host": "::1", "port": 104}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("predict", "{empty}"), "no files to read"),
        (("predict", "{empty}", "--json"), "no files to read"),
        (("send", "{empty}", "--to", "A@127.0.0.1:1"), "no files to send"),
        (("reprocess", "--all", "--yes", "--data-dir", "{data}"), "no finished study matches"),
        (("reprocess", "--status", "FAILED", "--json", "--data-dir", "{data}"), "no finished study matches"),
        (("deliveries", "resend", "--data-dir", "{data}"), "say which"),
        (("deliveries", "resend", "--failed", "--data-dir", "{data}"), "nothing failed"),
    ],
)
def test_a_command_that_finds_nothing_to_do_is_no_success(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    """Not zero, in words, and nothing on stdout."""
    (tmp_path / "empty").mkdir()
    run("db", "upgrade", "--data-dir", str(tmp_path))
    given = [word.format(empty=tmp_path / "empty", data=tmp_path) for word in words]
    result = CliRunner().invoke(build_app(given), given)
    assert isinstance(result.exception, CxrTriageError), result.output
    assert told in str(result.exception)
    assert result.stdout == ""


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe, a dangling link and a missing file have failed, each in words; JSON is all that is on stdout."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    files = [str(tmp_path / name) for name in ("pipe", "link", "none")]
    for command in (("predict", *files, "--json"), ("send", *files, "--to", "A@127.0.0.1:1", "--json")):
        result = CliRunner().invoke(build_app(command), list(command))
        assert result.exit_code == 1
        told = [json.loads(line) for line in result.stdout.splitlines()]
        assert [(line["file"], line["status"], line["reason"]) for line in told] == [
            (file, "failed", "no such file") for file in files
        ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("demo", "--data-dir", "{file}"), "--data-dir"),
        (("demo", "--data-dir", "{file}/below"), "--data-dir"),
        (("predict", "{file}", "--heat-map", "{file}"), "--heat-map"),
    ],
)
def test_a_folder_that_cannot_be_one_is_refused(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    """Before anything is made or read."""
    (tmp_path / "file").write_bytes(b"")
    given = [word.format(file=tmp_path / "file") for word in words]
    result = CliRunner().invoke(build_app(given), given)
    assert isinstance(result.exception, CxrTriageError), result.output
    assert told in str(result.exception)


def test_resending_what_is_not_there_is_no_success(tmp_path: Path) -> None:
    """An unknown id is named, and nothing else is sent again either."""
    run("db", "upgrade", "--data-dir", str(tmp_path))
    with pytest.raises(CxrTriageError, match="not here, or not of that choice: 7"):
        run("deliveries", "resend", "7", "7", "--yes", "--data-dir", str(tmp_path))


def test_counting_what_reprocess_would_do_is_a_success_with_none(tmp_path: Path) -> None:
    """--dry-run was asked for a number, and gives one."""
    run("db", "upgrade", "--data-dir", str(tmp_path))
    told = json.loads(run("reprocess", "--all", "--dry-run", "--json", "--data-dir", str(tmp_path)))
    assert (told["matched"], told["study_instance_uids"]) == (0, [])


def test_reprocess_without_a_choice_is_refused(tmp_path: Path) -> None:
    """Nothing is reprocessed because an option was forgotten."""
    with pytest.raises(CxrTriageError, match="--all"):
        run("reprocess", "--data-dir", str(tmp_path))


def test_help_lists_every_command() -> None:
    """What README names can be found from --help."""
    printed = run("--help")
    assert all(name in printed for name in ("serve", "doctor", "reprocess", "simulate-pacs", "predict", "model"))
