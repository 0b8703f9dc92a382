import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from admin.cli import build_app
from config.load import known_keys
from domain.study import DeliveryState

ROOT = Path(__file__).parents[1]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()


def _command_lines() -> list[str]:
    """Every command of the runbook: in backticks, which may go over a line's end, or in an indented block."""
    quoted = re.findall(r"`(cxr-triage [^`]+)`", RUNBOOK)
    blocks = re.findall(r"^    (cxr-triage [^#\n]+)", RUNBOOK, re.MULTILINE)
    return sorted({" ".join(line.split()) for line in quoted + blocks})


@pytest.mark.parametrize("line", _command_lines())
def test_every_command_of_the_runbook_can_be_called_as_it_is_written(line: str) -> None:
    """Command, subcommand and each option exist, and their values are of the right kind."""
    command: click.Command = typer.main.get_command(build_app())
    words = shlex.split(line)[1:]
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command, context = found, click.Context(found, parent=context)
    command.parse_args(context, words)


def test_the_runbook_names_every_symptom_that_is_asked_for() -> None:
    """Whoever is called finds the heading."""
    headings = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)
    wanted = (
        "Which study is this?",
        "Reports do not arrive",
        "Studies stay READY",
        "Senders get A700",
        "The disk fills",
        "The service does not start",
        "A study is FAILED",
        "Restore from a backup",
        "Upgrade",
    )
    assert set(wanted) <= set(headings)


def test_every_link_inside_the_runbook_leads_to_a_heading() -> None:
    """Anchors are made of the headings, as GitHub makes them."""
    headings = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


def test_the_runbook_names_every_setting_as_it_is() -> None:
    """What stands in backticks with a dot inside is a key of default.toml."""
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", RUNBOOK))
    assert named - set(known_keys()) == set()


def test_the_runbook_uses_states_that_exist() -> None:
    """What --state is given is a delivery's state."""
    assert {DeliveryState(word) for word in re.findall(r"--state\s+([A-Z]+)", RUNBOOK)}
