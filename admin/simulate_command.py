"""`cxr-triage simulate-pacs`: a PACS to try the service against, with faults by setting."""

import os
import threading
import time
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from admin.data_folder import PRIVATE
from admin.files import expand
from admin.options import ae_title_of, parse_peer
from admin.output import console
from admin.service_commands import stop_on_signal
from admin.simulated_arrivals import ArrivalPrinter
from admin.tls_options import (
    TlsCaOption,
    TlsCertificateOption,
    TlsKeyOption,
    TlsNoNameCheckOption,
    TlsOption,
    called_tls,
    calling_tls,
)
from dicom_gateway.association_scu import Destination
from dicom_gateway.auto_routing import AutoRouter
from dicom_gateway.pacs_commitment import CommitmentManners, CommitmentMode
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.pacs_sop_classes import ALL_SOP_CLASSES, SOP_CLASS_NAMES
from dicom_gateway.simulated_pacs import Faults, SimulatedPacs, StoreAttempt
from dicom_gateway.simulated_workitems import SimulatedWorkitems
from dicom_gateway.tls import ClientTls
from domain.errors import ConfigurationInvalid
from hl7_gateway.simulated_ris import RisAnswer, SimulatedRis

_POLL_SECONDS = 0.2
#: One member for each name, which is what Typer takes choices from.
SopClassName = StrEnum("SopClassName", {name: name for name in SOP_CLASS_NAMES})  # type: ignore[misc]


def simulate_pacs(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 4242,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    ae_title: Annotated[str, typer.Option("--ae-title", help="Its AE title.")] = "SIMPACS",
    keep: Annotated[Path | None, typer.Option(help="Write what arrives into this folder.", show_default=False)] = None,
    send: Annotated[
        list[Path] | None, typer.Option(help="Send these DICOM files or folders at the start; needs --to.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="AET@HOST:PORT", help="Where to send.", show_default=False)] = None,
    refuse_association: Annotated[bool, typer.Option("--refuse-association", help="Reject associations.")] = False,
    refuse_status: Annotated[
        str | None, typer.Option(metavar="HEX", help="Answer every store with this status, e.g. A700.")
    ] = None,
    abort: Annotated[bool, typer.Option("--abort", help="Abort in mid-transfer.")] = False,
    slow: Annotated[float, typer.Option(metavar="SECONDS", help="Wait before answering.", min=0)] = 0.0,
    drop: Annotated[bool, typer.Option("--drop", help="Answer success, and forget.")] = False,
    away: Annotated[float, typer.Option(metavar="SECONDS", help="Do not listen for so long at first.", min=0)] = 0.0,
    accept: Annotated[
        list[SopClassName] | None,
        typer.Option(help="Take only this SOP class; may be repeated. Default: all.", show_default=False),
    ] = None,
    route_to: Annotated[
        str | None, typer.Option(metavar="AET@HOST:PORT", help="Send all that arrives on to there.", show_default=False)
    ] = None,
    commitment: Annotated[
        CommitmentMode, typer.Option(help="How it answers requests for storage commitment; off: not offered.")
    ] = CommitmentMode.HONEST,
    commitment_delay: Annotated[
        float, typer.Option(metavar="SECONDS", help="Wait before the answer to such a request.", min=0)
    ] = 0.0,
    commit_to: Annotated[
        str | None,
        typer.Option(
            metavar="AET@HOST:PORT",
            help="Answer such requests on a new association to there. Default: on the request's own.",
            show_default=False,
        ),
    ] = None,
    find: Annotated[bool, typer.Option("--find/--no-find", help="Answer C-FIND (Study Root).")] = True,
    count: Annotated[
        int | None, typer.Option(help="Only the first so many stores meet the fault.", min=1, show_default=False)
    ] = None,
    tls: TlsOption = False,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
    tls_no_name_check: TlsNoNameCheckOption = False,
    ups: Annotated[bool, typer.Option("--ups", help="Be a UPS SCP too: take workitems, let them be claimed.")] = False,
    hl7_port: Annotated[
        int | None,
        typer.Option(help="Take HL7 messages over MLLP there too; 0 takes a free port.", min=0, max=65535),
    ] = None,
    hl7_answer: Annotated[RisAnswer, typer.Option(help="What is answered to a message.")] = RisAnswer.ACCEPT,
    hl7_error_code: Annotated[
        str, typer.Option(metavar="CODE", help="With it, as ERR-3: of HL7 table 0357, e.g. 207.", show_default=False)
    ] = "",
) -> None:
    """Be a PACS: receive reports, send studies, and misbehave as asked, until Ctrl-C. TLS is for both ways."""
    faults = Faults(
        refuse_association=refuse_association,
        refuse_status=_status(refuse_status),
        abort_in_transfer=abort,
        answer_delay_seconds=slow,
        answer_and_drop=drop,
        away_seconds=away,
        fault_count=count,
    )
    ae_title_of("--ae-title", ae_title)
    to_send = _to_send(send, to)
    secured = calling_tls(tls, tls_ca, tls_cert, tls_key, tls_no_name_check)
    answer_to = _peer(commit_to, ae_title, secured) if commit_to else None
    confirming = PacsConfirming(CommitmentManners(commitment, commitment_delay, answer_to), answers_queries=find)
    sop_classes = [SOP_CLASS_NAMES[name.value] for name in accept] if accept else ALL_SOP_CLASSES
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signal())
        on_kept = stack.enter_context(AutoRouter(_peer(route_to, ae_title, secured))).route if route_to else None
        worklist = SimulatedWorkitems() if ups else None
        pacs = SimulatedPacs(
            ae_title,
            host,
            port,
            folder=_folder(keep),
            faults=faults,
            sop_classes=sop_classes,
            on_kept=on_kept,
            tls=called_tls(secured),
            confirming=confirming,
            workitems=worklist,
        )
        _start(pacs)
        stack.callback(pacs.stop)
        console.print(f"{ae_title}@{host}:{pacs.address[1]} receives; Ctrl-C ends it", highlight=False)
        ris = None
        if hl7_port is not None:
            ris = SimulatedRis(host, hl7_port, answer=hl7_answer, error_code=hl7_error_code)
            _start(ris)
            stack.callback(ris.stop)
            console.print(f"HL7 messages on {host}:{ris.address[1]}", highlight=False)
        if to_send and to is not None:
            _send(pacs, to_send, _peer(to, ae_title, secured))
        _tell(pacs, ArrivalPrinter(worklist, ris), stop)


def _tell(pacs: SimulatedPacs, more: ArrivalPrinter, stop: threading.Event) -> None:
    """Print what comes in until `stop` is set."""
    shown = 0
    while not stop.wait(_POLL_SECONDS):
        for attempt in pacs.attempts[shown:]:
            console.print(_words(attempt), highlight=False)
            shown += 1
        more.print_new()


def _to_send(files: list[Path] | None, to: str | None) -> list[Path]:
    """Give the files that --send names. Raises ConfigurationInvalid where there are none, or nobody to send them to."""
    if bool(files) != (to is not None):
        raise ConfigurationInvalid("--send and --to AET@HOST:PORT need each other")
    found = list(expand(files or []))
    if files and not found:
        raise ConfigurationInvalid("--send names no file")
    if missing := [file for file in found if not file.is_file()]:
        raise ConfigurationInvalid(f"--send: there is no file {missing[0]}")
    if to is not None:
        parse_peer(to)
    return found


def _folder(keep: Path | None) -> Path | None:
    """Make the folder for what arrives, which is patient data, closed to others. Raises ConfigurationInvalid."""
    if keep is not None:
        os.umask(PRIVATE)
        try:
            keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationInvalid(f"--keep: {keep} cannot be made: {error.strerror}") from error
    return keep


def _start(listener: SimulatedPacs | SimulatedRis) -> None:
    host, port = listener.address
    try:
        listener.start()
    except (OSError, TypeError) as error:  # TypeError: no host at all
        words = getattr(error, "strerror", None) or error
        raise ConfigurationInvalid(f"cannot listen on {host}:{port}: {words}") from error


def _status(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text, 16)
    except ValueError:
        raise ConfigurationInvalid(f"--refuse-status {text!r} is no hexadecimal DIMSE status, e.g. A700") from None


def _peer(text: str, calling_ae_title: str, tls: ClientTls | None) -> Destination:
    return Destination(name=text, calling_ae_title=calling_ae_title, tls=tls, **parse_peer(text))


def _send(pacs: SimulatedPacs, files: list[Path], to: Destination) -> None:
    started = time.monotonic()
    outcomes = pacs.send_studies(to, files)
    stored = sum(outcome.is_stored for outcome in outcomes)
    console.print(f"sent {stored} of {len(outcomes)} in {time.monotonic() - started:.1f} s")
    for outcome in outcomes:
        if not outcome.is_stored:
            console.print(f"  {outcome.path}: {outcome.error}", markup=False, soft_wrap=True)


def _words(attempt: StoreAttempt) -> str:
    answer = "aborted" if attempt.status is None else f"answered 0x{attempt.status:04X}"
    kept = "" if attempt.is_kept else ", not kept"
    return f"{attempt.received_at:%H:%M:%S} {attempt.sop_instance_uid} from {attempt.calling_ae_title}: {answer}{kept}"
