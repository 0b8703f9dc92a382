"""`cxr-triage commitments`: what senders asked us to keep, and what they were told."""

from typing import Annotated, Any

import typer

from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption
from admin.output import console, print_json, print_table
from db import commitment_requests
from db.commitment_tables import CommitmentRequest
from domain.clock import utc_now
from domain.commitment import CommitmentState, reason_words
from domain.errors import Rejected

app = typer.Typer(help="List senders' requests for storage commitment, or answer some again.", no_args_is_help=True)


@app.command("list")
def list_requests(
    state: Annotated[CommitmentState | None, typer.Option(help="Only this state.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1)] = 50,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """List requests of senders, newest first."""
    engine = open_database(config, data_dir)
    rows = [_row(request) for request in commitment_requests.listed(engine, state, limit)]
    if json_output:
        print_json(rows)
        return
    columns = ("id", "calling_ae_title", "received_at", "state", "instances", "not_committed", "attempts", "last_error")
    print_table(columns, ([row[column] for column in columns] for row in rows))


@app.command("answer")
def answer(
    request_ids: Annotated[list[int] | None, typer.Argument(help="Ids from `commitments list`.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every FAILED request.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Check and answer requests again.

    Exit status 1 if any of them could not be: unknown, or being answered right now.
    """
    engine = open_database(config, data_dir)
    chosen = set(request_ids or [])
    if failed:
        listed = commitment_requests.listed(engine, CommitmentState.FAILED, limit=1_000_000)
        chosen |= {request.id for request in listed}
    if not chosen:
        raise Rejected("nothing failed: nothing is answered again" if failed else "say which: give ids, or --failed")
    moved = commitment_requests.answer_again(engine, sorted(chosen), utc_now())
    console.print(f"{moved} of {len(chosen)} requests are due again")
    raise typer.Exit(0 if moved == len(chosen) else 1)


def _row(request: CommitmentRequest) -> dict[str, Any]:
    not_committed = {
        item["sop_instance_uid"]: reason_words(item["reason"]) for item in request.instances if item["reason"]
    }
    return {
        "id": request.id,
        "calling_ae_title": request.calling_ae_title,
        "peer_address": request.peer_address,
        "transaction_uid": request.transaction_uid,
        "received_at": request.received_at,
        "state": request.state.value,
        "instances": len(request.instances),
        "not_committed": not_committed,
        "attempts": request.attempts,
        "answered_at": request.answered_at,
        "last_error": request.last_error,
    }
