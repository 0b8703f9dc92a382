"""`cxr-triage worklist`: offer the reading worklist as a web page, and what belongs to it."""

from pathlib import Path
from typing import Annotated

import typer

from admin.audit_command import audit
from admin.data_folder import make_data_folder
from admin.logs import configure_logging
from admin.options import ConfigOption, DataDirOption
from admin.service_commands import stop_on_signal
from admin.turnaround_command import simulate
from config.load import load_settings
from worker.signs_of_life import signs_of_life

app = typer.Typer(help="Offer the reading worklist as a web page.", invoke_without_command=True)
app.command("audit")(audit)
app.command("simulate")(simulate)


@app.callback()
def worklist(
    context: typer.Context,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the page; 0 takes a free one (worklist.port).", min=0, max=65535)
    ] = None,
) -> None:
    """Offer the reading worklist as a web page, beside a service that runs or alone, on the same database."""
    if context.invoked_subcommand is not None:
        return
    serve_page(config, data_dir, port)


def serve_page(config: Path | None, data_dir: Path | None, port: int | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    # Here, not above: the other commands do without the web libraries.
    from admin.page_desk import desk_of  # noqa: PLC0415
    from worklist.serving import run_worklist  # noqa: PLC0415

    overrides = {
        section: {key: value}
        for section, key, value in (("service", "data_dir", data_dir), ("worklist", "port", port))
        if value is not None
    }
    settings = load_settings(config, overrides)
    configure_logging(settings.service, "worklist")
    make_data_folder(settings)
    with stop_on_signal() as stop, signs_of_life(settings, "worklist"):
        run_worklist(settings, desk_of(settings), stop)
