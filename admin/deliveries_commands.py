"""`cxr-triage deliveries`: what waits, what failed, and sending again."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from admin.changes import DryRunOption, YesOption, confirm, operator
from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption, SinceOption, UntilOption, moment
from admin.output import console, print_json, print_table
from db import deliveries, delivery_choice
from db.delivery_choice import DeliveryChoice
from db.tables import Delivery, Result, Study
from domain.errors import Rejected
from domain.study import DeliveryState

app = typer.Typer(help="List deliveries of reports, or send some again.", no_args_is_help=True)

_COLUMNS = ("id", "study_instance_uid", "revision", "destination", "state", "attempts", "confirmation", "last_error")

StateOption = Annotated[DeliveryState | None, typer.Option(help="Only this state.", show_default=False)]
DestinationOption = Annotated[str | None, typer.Option(help="Only to this destination.", show_default=False)]
StudyOption = Annotated[str | None, typer.Option("--study", help="Only of this study.", show_default=False)]


@app.command("list")
def list_deliveries(
    state: StateOption = None,
    destination: DestinationOption = None,
    study: StudyOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1)] = 50,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """List deliveries, newest first: SENT, VERIFIED by C-FIND, or COMMITTED by the destination."""
    choice = DeliveryChoice(state, destination, study, moment(since), moment(until))
    found = delivery_choice.chosen(open_database(config, data_dir), choice, limit)
    _show([delivery_row(*row) for row in found], json_output=json_output)


@app.command("resend")
def resend(
    delivery_ids: Annotated[list[int] | None, typer.Argument(help="Ids from `deliveries list`.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every FAILED delivery.")] = False,
    state: StateOption = None,
    destination: DestinationOption = None,
    study: StudyOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make deliveries due again, e.g. all SENT to a PACS since it lost its disk; the bytes are those that were kept.

    Exit status 1 if any of them could not be: it is being sent right now.
    """
    ids = tuple(delivery_ids) if delivery_ids else None
    state = DeliveryState.FAILED if failed else state
    choice = DeliveryChoice(state, destination, study, moment(since), moment(until), ids)
    if choice == DeliveryChoice():
        raise Rejected("say which: ids, --failed, --state, --destination, --study, --since or --until")
    engine = open_database(config, data_dir)
    chosen = delivery_choice.chosen(engine, choice)
    if missing := sorted(set(ids or ()) - {delivery.id for delivery, _, _ in chosen}):
        raise Rejected(f"not here, or not of that choice: {', '.join(map(str, missing))}")
    if dry_run:
        _show([delivery_row(*row) for row in chosen], json_output=json_output)
        return
    if not chosen:
        raise Rejected(
            "nothing failed: nothing is sent again" if failed else "no delivery matches: nothing is sent again"
        )
    confirm(f"Send {len(chosen)} reports again?", yes=yes)
    meant = [delivery.id for delivery, _, _ in chosen]
    moved = deliveries.resend(engine, meant, datetime.now(UTC), operator())
    if json_output:
        print_json({"chosen": len(meant), "due_again": moved, "ids": meant})
    else:
        console.print(f"{moved} of {len(meant)} deliveries are due again")
    raise typer.Exit(0 if moved == len(meant) else 1)


def _show(rows: list[dict[str, Any]], *, json_output: bool) -> None:
    if json_output:
        print_json(rows)
        return
    print_table(_COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))


def delivery_row(delivery: Delivery, result: Result, study: Study) -> dict[str, Any]:
    """Give what is said of a delivery in lists."""
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
