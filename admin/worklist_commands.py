"""`cxr-triage worklist`: the reading worklist."""

import typer

from admin.turnaround_command import simulate

app = typer.Typer(help="The reading worklist.", no_args_is_help=True)
app.command("simulate")(simulate)
