"""`cxr-triage deliveries`: what waits, what failed, and sending again."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption
from admin.output import console, print_json, print_table
from db import deliveries
from db.tables import Delivery, Result, Study
from domain.errors import Rejected
from domain.study import DeliveryState

app = typer.Typer(help="List deliveries of reports, or send some again.", no_args_is_help=True)


@app.command("list")
def list_deliveries(
    state: Annotated[DeliveryState | None, typer.Option(help="Only this state.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1)] = 50,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """List deliveries, newest first: SENT, VERIFIED by C-FIND, or COMMITTED by the destination."""
    engine = open_database(config, data_dir)
    rows = [_row(*found) for found in deliveries.listed(engine, state, limit)]
    if json_output:
        print_json(rows)
        return
    columns = ("id", "study_instance_uid", "revision", "destination", "state", "attempts", "confirmation", "last_error")
    print_table(columns, ([row[column] for column in columns] for row in rows))


@app.command("resend")
def resend(
    delivery_ids: Annotated[list[int] | None, typer.Argument(help="Ids from `deliveries list`.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every FAILED delivery.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make deliveries due again; the bytes sent are those that were kept, so this is harmless.

    Exit status 1 if any of them could not be: unknown, or being sent right now.
    """
    engine = open_database(config, data_dir)
    chosen = set(delivery_ids or [])
    if failed:
        chosen |= {delivery.id for delivery, _, _ in deliveries.listed(engine, DeliveryState.FAILED, limit=1_000_000)}
    if not chosen:
        raise Rejected("nothing failed: nothing is sent again" if failed else "say which: give ids, or --failed")
    moved = deliveries.resend(engine, sorted(chosen), datetime.now(UTC))
    console.print(f"{moved} of {len(chosen)} deliveries are due again")
    raise typer.Exit(0 if moved == len(chosen) else 1)


def _row(delivery: Delivery, result: Result, study: Study) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "study_instance_uid": study.study_instance_uid,
        "revision": result.revision,
        "destination": delivery.destination,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "sent_at": delivery.sent_at,
        "confirm_at": delivery.confirm_at,
        "confirmation": delivery.confirmation,
        "losses": delivery.losses,
        "last_error": delivery.last_error,
    }
