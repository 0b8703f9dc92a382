"""`cxr-triage`: every command of the service, and how errors and Ctrl-C end a command.

What takes time to import is imported inside the functions, so that Ctrl-C ends that as well without a traceback.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from admin.exit_status import EXIT_INTERRUPTED, EXIT_REJECTED, EXIT_TRANSIENT
from domain.errors import CxrTriageError, Transient

if TYPE_CHECKING:
    import typer

_SERVICE, _DAILY, _TRY = "Run the service", "Look after it", "Try it"


@dataclass(frozen=True, slots=True)
class _Command:
    """Where a command, or a group of commands, is found."""

    name: str
    module: str
    #: A function is a command, a typer.Typer a group.
    attribute: str
    panel: str


_COMMANDS = (
    _Command("serve", "admin.service_commands", "serve", _SERVICE),
    _Command("listen", "admin.service_commands", "listen", _SERVICE),
    _Command("dicomweb", "admin.dicomweb_command", "dicomweb", _SERVICE),
    _Command("sweep", "admin.service_commands", "sweep", _SERVICE),
    _Command("work", "admin.service_commands", "work", _SERVICE),
    _Command("status", "admin.status_command", "status", _DAILY),
    _Command("doctor", "admin.doctor_command", "doctor", _DAILY),
    _Command("why", "admin.why_command", "why", _DAILY),
    _Command("studies", "admin.studies_commands", "app", _DAILY),
    _Command("deliveries", "admin.deliveries_commands", "app", _DAILY),
    _Command("failed", "admin.failed_commands", "app", _DAILY),
    _Command("commitments", "admin.commitments_commands", "app", _DAILY),
    _Command("reprocess", "admin.reprocess_command", "reprocess", _DAILY),
    _Command("worklist", "admin.worklist_commands", "app", _SERVICE),
    _Command("users", "admin.users_commands", "app", _DAILY),
    _Command("verify", "admin.verify_command", "verify", _DAILY),
    _Command("backup", "admin.backup_commands", "backup", _DAILY),
    _Command("restore", "admin.backup_commands", "restore", _DAILY),
    _Command("purge", "admin.purge_command", "purge", _DAILY),
    _Command("config", "admin.config_commands", "app", _DAILY),
    _Command("db", "admin.db_commands", "app", _DAILY),
    _Command("model", "admin.model_commands", "app", _DAILY),
    _Command("drill", "admin.drill_command", "drill", _DAILY),
    _Command("demo", "admin.demo_command", "demo", _TRY),
    _Command("predict", "admin.predict_command", "predict", _TRY),
    _Command("send", "admin.send_command", "send", _TRY),
    _Command("simulate-pacs", "admin.simulate_command", "simulate_pacs", _TRY),
)


def build_app(words: Sequence[str] = ()) -> "typer.Typer":
    """Build the command line that `words` (without the program's name) need.

    Where the first word is a command, only that one is imported: each process of the service starts with what
    it uses. Otherwise (help, a typing error) it is all of them.
    """
    import typer  # noqa: PLC0415 - see above

    wanted = [command for command in _COMMANDS if words and command.name == words[0]] or list(_COMMANDS)
    app = typer.Typer(
        name="cxr-triage",
        help="Receives chest X-rays by C-STORE, has a network read them, and sends a Structured Report back. "
        "Not a medical device.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command in wanted:
        found = getattr(import_module(command.module), command.attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=command.name, rich_help_panel=command.panel)
        else:
            app.command(command.name, rich_help_panel=command.panel)(found)
    # With a callback, one command stays a command instead of becoming the whole program.
    app.callback()(lambda: None)
    return app


def main() -> None:
    """Run the command line; one of our own errors ends it in words, Ctrl-C without any; neither shows a traceback."""
    try:
        _run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _run(words: Sequence[str]) -> None:
    import typer  # noqa: PLC0415 - see above

    from admin.logs import configure_quiet_logging  # noqa: PLC0415

    configure_quiet_logging()
    try:
        build_app(words)()
    except CxrTriageError as error:
        typer.secho(f"cxr-triage: {error}", err=True, fg=typer.colors.RED)
        sys.exit(EXIT_TRANSIENT if isinstance(error, Transient) else EXIT_REJECTED)
