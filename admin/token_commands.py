"""`cxr-triage users token`: what programs sign in to the worklist's API with."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption
from admin.output import console, print_json, print_table
from db import api_tokens
from db.worklist_tables import ApiToken
from domain.clock import utc_now
from domain.reading import Role

app = typer.Typer(help="Tokens that programs sign in to the API with.", no_args_is_help=True)
_LONGEST_DAYS = 3650


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="Account whose name stands beside what is done with it.")],
    role: Annotated[Role, typer.Option(help="What it may do; never more than the account.")] = Role.READER,
    days: Annotated[int, typer.Option(help="For how long it is good.", min=1, max=_LONGEST_DAYS)] = 90,
    label: Annotated[str, typer.Option(help="What it is for, at most 64 characters; shown in lists.")] = "",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a token and print it, this once: only its hash is kept. What else is to be said goes to standard error."""
    engine = open_database(config, data_dir)
    token, row = api_tokens.make(engine, name, role, label, utc_now(), timedelta(days=days))
    typer.echo(f"Token {row.id} of {name}, {role.value}, good until {row.expires_at:%Y-%m-%d}:", err=True)
    typer.echo(token)


@app.command("list")
def list_tokens(config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the tokens, also those that are over; what each is, nobody can say again."""
    found = api_tokens.listed(open_database(config, data_dir))
    rows = [_row(token, name, utc_now()) for token, name in found]
    if as_json:
        print_json(rows)
    else:
        columns = ("id", "account", "role", "label", "made", "until", "used", "state")
        print_table(columns, [tuple(row.values()) for row in rows])


@app.command()
def revoke(
    token_id: Annotated[int, typer.Argument(help="Id from `users token list`.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """End a token at once."""
    api_tokens.revoke(open_database(config, data_dir), token_id, utc_now())
    console.print(f"Revoked token {token_id}.", markup=False)


def _row(token: ApiToken, name: str, now: datetime) -> dict[str, object]:
    state = "revoked" if token.revoked_at else "expired" if token.expires_at <= now else "good"
    return {
        "id": token.id,
        "account": name,
        "role": token.role.value,
        "label": token.label,
        "made": token.created_at,
        "until": token.expires_at,
        "used": token.used_at,
        "state": state,
    }
