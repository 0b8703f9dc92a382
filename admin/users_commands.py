"""`cxr-triage users`: who may sign in to the worklist."""

import re
import sys
from datetime import timedelta
from typing import Annotated

import typer

from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption
from admin.output import console, print_json, print_table
from admin.token_commands import app as token_app
from db import accounts
from domain.clock import utc_now
from domain.errors import Rejected
from domain.reading import Role

app = typer.Typer(help="Who may sign in to the reading worklist.", no_args_is_help=True)
app.add_typer(token_app, name="token")

_NAME = re.compile(r"[\w.@-]{1,64}")
NameArgument = Annotated[str, typer.Argument(help="Name that is signed in with: letters, digits, and . _ - @")]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line, instead of asking.")
]


@app.command()
def add(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="reader looks and reads; admin also gives back what others hold.")] = (
        Role.READER
    ),
    password_stdin: StdinOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Add an account; there is none, and no password, until this is done."""
    if not _NAME.fullmatch(name):
        raise Rejected("a name has 1 to 64 letters, digits, dots, underscores, hyphens or @")
    engine = open_database(config, data_dir)
    accounts.add(engine, name, _password_hash(from_stdin=password_stdin), role, utc_now())
    console.print(f"Added {name}, {role.value}.", markup=False)


@app.command("list")
def list_accounts(config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the accounts."""
    rows = [
        {"name": a.name, "role": a.role.value, "since": a.created_at, "disabled": a.disabled_at}
        for a in accounts.listed(open_database(config, data_dir))
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(("name", "role", "since", "disabled"), [tuple(row.values()) for row in rows])


@app.command()
def password(
    name: NameArgument, password_stdin: StdinOption = False, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Change a password, and end every session of the account."""
    engine = open_database(config, data_dir)
    accounts.set_password(engine, name, _password_hash(from_stdin=password_stdin), utc_now())
    console.print(f"Changed the password of {name}.", markup=False)


@app.command()
def disable(name: NameArgument, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Keep an account out from now on; what it said and did stays on record."""
    accounts.disable(open_database(config, data_dir), name, utc_now())
    console.print(f"Disabled {name}.", markup=False)


@app.command()
def link(
    name: NameArgument,
    minutes: Annotated[int, typer.Option(help="For how long it is good.", min=1, max=1440)] = 15,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print the end of a URL that signs the account in, once: put the worklist's address before it."""
    token = accounts.make_link(open_database(config, data_dir), name, utc_now(), timedelta(minutes=minutes))
    typer.echo(f"/link/{token}")


def _password_hash(*, from_stdin: bool) -> str:
    # Here, not above: the web libraries are slow to import.
    from worklist.passwords import hash_password  # noqa: PLC0415

    if from_stdin:
        return hash_password(sys.stdin.readline().rstrip("\n"))
    return hash_password(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
