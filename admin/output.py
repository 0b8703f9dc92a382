"""What commands print: for people by rich, for scripts as JSON."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Columns where nothing says how wide the output is (a pipe, a log).
_WIDTH_OF_A_PIPE = 180

#: For people; logs and errors go to stderr.
console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE)


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one JSON document on one line of stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a table; whatever a cell holds is shown as text, whole, and nothing in it is markup."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    console.print(table)


def cell(value: object) -> Text:
    """Give a value as people read it: probabilities with three digits, nothing as a dash."""
    if value is None:
        return Text("-")
    return Text(f"{value:.3f}" if isinstance(value, float) else str(value))
