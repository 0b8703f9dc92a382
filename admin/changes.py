"""What every administrative change has in common: it is asked for, and it is recorded with who made it."""

import os
import pwd
from typing import Annotated

import typer

from admin.exit_status import EXIT_INTERRUPTED

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")]

#: What the columns for a name hold.
_LONGEST_NAME = 64


def operator() -> str:
    """Name who runs this command, by the operating system's word; behind sudo both names."""
    user_id = os.geteuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:  # a container's user has no entry
        name = str(user_id)
    behind = os.environ.get("SUDO_USER", "")
    return (f"{behind} as {name}" if behind and behind != name else name)[:_LONGEST_NAME]


def confirm(question: str, *, yes: bool) -> None:
    """Ask before a change, on standard error; without an answer nothing is changed, and the command ends."""
    if yes:
        return
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise typer.Exit(EXIT_INTERRUPTED) from None
        raise
