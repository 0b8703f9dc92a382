import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from admin.child_process import ChildProcess
from admin.cli import build_app
from domain.errors import ConfigurationInvalid, ProcessDied
from tests.acceptance.xrays import write_xray
from tests.integration.admin import deadly

_PATIENCE = 60.0


@pytest.mark.parametrize(("question", "how"), [("abort", "signal SIGABRT"), ("exit", "exit status 3")])
def test_a_child_that_ends_costs_one_answer(question: str, how: str) -> None:
    """The death is said with its kind, and a new child answers the next question."""
    with ChildProcess(deadly.make, _PATIENCE) as child:
        first, again = child.ask("a"), child.ask("a")
        assert first == again, "one child answers until it ends"
        with pytest.raises(ProcessDied, match=how):
            child.ask(question)
        assert child.ask("a").startswith("a, ")
        assert child.ask("a") != first


def test_a_child_that_hangs_is_ended() -> None:
    """No answer in time costs that answer only."""
    with ChildProcess(deadly.make, 2.0) as child:
        with pytest.raises(ProcessDied, match=r"no answer in 2 s"):
            child.ask("hang")
        assert child.ask("b").startswith("b, ")


@pytest.mark.parametrize(
    ("make", "error"), [(deadly.refuse, ConfigurationInvalid), (deadly.die, ProcessDied)], ids=["refuses", "dies"]
)
def test_a_child_that_cannot_start_says_why(make: Callable[[], Callable[[str], str]], error: type[Exception]) -> None:
    """Our own errors come through as they are; a death at the start is said as such."""
    with ChildProcess(make, _PATIENCE) as child, pytest.raises(error):
        child.ask("a")


def test_a_file_that_kills_its_reader_has_failed_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`predict` over a folder: the deadly file is a failure with its reason, those before and after it are analysed."""
    for study, name in enumerate(("1.dcm", "2-deadly.dcm", "3.dcm"), start=1):
        write_xray(tmp_path, study).rename(tmp_path / name)
    monkeypatch.setattr("admin.predict_command._predictor", deadly.predictor)
    words = ["predict", str(tmp_path), "--json"]
    result = CliRunner().invoke(build_app(words), words)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(Path(line["file"]).name, line["status"], line["code"]) for line in lines] == [
        ("1.dcm", "analysed", None),
        ("2-deadly.dcm", "failed", "ProcessDied"),
        ("3.dcm", "analysed", None),
    ]
    assert "SIGABRT" in lines[1]["reason"]
