"""`cxr-triage demo`: the main job, from nothing, on real chest X-rays, with a simulated PACS beside it."""

import json
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from admin.demo_announcements import DemoAnnouncements
from admin.demo_dicomweb import DemoDicomweb
from admin.demo_outcome import DESTINATION, Outcome, faults_of, outcome_of, progress_of
from admin.demo_table import outcome_table
from admin.demo_worklist import WORKLIST_ENVIRONMENT, show_sign_in_link
from admin.output import console
from admin.service_process import ServiceProcess
from config.load import forget_variables, load_settings
from dicom_gateway.association_scu import Destination
from dicom_gateway.demo_studies import DemoStudy, make_demo_studies
from dicom_gateway.pacs_commitment import CommitmentManners
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scu import send_files
from domain.errors import ConfigurationInvalid, Rejected
from worker.bootstrap import Collaborators

_SAMPLES = Path(__file__).resolve().parents[1] / "samples"
_PACS_AE_TITLE = "SIMPACS"
#: Seconds after which a report that has not come counts as lost.
_PATIENCE_SECONDS = 240.0
_POLL_SECONDS = 0.1


def demo(
    stay_up: Annotated[bool, typer.Option("--stay-up", help="Keep the service running afterwards.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Keep the data there, instead of in a temporary folder.")
    ] = None,
    ups: Annotated[bool, typer.Option("--ups", help="Also ask the simulated PACS for readings (UPS Push).")] = False,
    hl7: Annotated[bool, typer.Option("--hl7", help="Also send HL7 v2 messages to a simulated RIS.")] = False,
    dicomweb: Annotated[
        bool, typer.Option("--dicomweb", help="Also send studies and reports by STOW-RS, to a simulated server.")
    ] = False,
) -> None:
    """Start the service and a simulated PACS, send real chest X-rays, and print what came back.

    Exit status 1 if anything acknowledged is missing, or any report was not received.
    """
    # Whatever a real service here is set to: the demo is a service of its own, with a PACS of its own.
    forget_variables()
    # Also when it was started in the background, or is ended by a service manager.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="cxr-demo-") as folder:
        home = (data_dir or Path(folder)).absolute()
        confirming = PacsConfirming(CommitmentManners(), answers_queries=True)
        announced = DemoAnnouncements(home, ups=ups, hl7=hl7, dicomweb=dicomweb)
        simulated = SimulatedPacs(_PACS_AE_TITLE, "127.0.0.1", confirming=confirming, workitems=announced.workitems)
        with simulated as pacs, announced.running():
            faults = _run(home, pacs, confirming, announced, stay_up=stay_up)
    if faults:
        console.print("[bold red]The demo found faults:[/]")
        for fault in faults:
            console.print(f"  {fault}", markup=False)
        raise typer.Exit(1)


def _run(
    home: Path, pacs: SimulatedPacs, confirming: PacsConfirming, announced: DemoAnnouncements, *, stay_up: bool
) -> list[str]:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationInvalid(f"--data-dir: {home} cannot be made: {error.strerror}") from error
    console.print("Wrapping real chest X-rays as DICOM studies ...")
    # New studies each time: on a folder that an earlier demo used they are not taken for those.
    made = make_demo_studies(_SAMPLES, home / "to-send", seed=uuid4().hex)
    pacs_address = f"{_PACS_AE_TITLE}@127.0.0.1:{pacs.address[1]}"
    console.print("Starting the service ...")
    page = WORKLIST_ENVIRONMENT if stay_up else {}
    environment = {**_destination(pacs), **announced.destinations(pacs), **page}
    with ServiceProcess(home / "data", ["--dicom-port", "0"], environment) as service:
        host, port = service.wait_until_listening()
        listener = Destination("cxr-triage", "CXR_TRIAGE", host, port, _PACS_AE_TITLE)
        confirming.answer_to(listener)
        console.print(f"  Storage SCP  CXR_TRIAGE@{host}:{port}\n  PACS         {pacs_address}")
        collaborators = Collaborators(load_settings(None, {"service": {"data_dir": home / "data"}}))
        faults, sent_at = _send(made, listener, announced.dicomweb)
        _wait_for_reports(collaborators, pacs, made)
        outcomes = [outcome_of(collaborators.engine, pacs, demo, sent_at) for demo in made]
        console.print(outcome_table(outcomes))
        faults += faults_of(collaborators, pacs, outcomes) + announced.show(made)
        if not faults:
            _say_all_is_well(outcomes)
        if stay_up:
            show_sign_in_link(collaborators.engine, home / "data")
            _stay_up(service, home / "data", listener)
    return faults


def _destination(pacs: SimulatedPacs) -> dict[str, str]:
    """Give the environment that sends reports and heat maps to the simulated PACS, and only there."""
    host, port = pacs.address
    wanted = {"name": DESTINATION, "ae_title": pacs.ae_title, "host": host, "port": port, "heat_map": True}
    return {"CXR_DESTINATIONS": json.dumps([wanted])}


def _send(
    made: Sequence[DemoStudy], listener: Destination, dicomweb: DemoDicomweb | None
) -> tuple[list[str], dict[str, float]]:
    """Send every study, every other one by STOW-RS where that is asked for.

    Gives what was not acknowledged, and when each study's last answer came.
    """
    faults: list[str] = []
    sent_at: dict[str, float] = {}
    with _progress("Sending") as progress:
        task = progress.add_task("studies", total=len(made))
        for number, study in enumerate(made):
            by_web = dicomweb if number % 2 else None
            outcomes = send_files(listener, study.files) if by_web is None else by_web.send(study)
            refused = [sent for sent in outcomes if not sent.is_stored]
            faults += [f"{study.label}: {sent.path.name} was not acknowledged: {sent.error}" for sent in refused]
            sent_at[study.study_instance_uid] = time.time()
            progress.advance(task)
    return faults, sent_at


def _wait_for_reports(collaborators: Collaborators, pacs: SimulatedPacs, made: Sequence[DemoStudy]) -> None:
    expected = len(made)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with _progress("Waiting") as progress:
        task = progress.add_task("reports in the PACS", total=expected)
        while time.monotonic() < deadline:
            received = len({report.StudyInstanceUID for report in pacs.reports})
            progress.update(task, completed=received)
            if received >= expected and all(progress_of(collaborators.engine, demo).is_over for demo in made):
                return
            time.sleep(_POLL_SECONDS)


def _progress(words: str) -> Progress:
    columns = (TextColumn(words), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console)


def _say_all_is_well(outcomes: Sequence[Outcome]) -> None:
    files = sum(len(outcome.demo.files) for outcome in outcomes)
    scored = sum(outcome.demo.expected_refusal is None for outcome in outcomes)
    console.print(
        f"{files} instances acknowledged, {files} kept; {len(outcomes)} studies, {len(outcomes)} reports received once "
        f"each, and committed; {scored} studies scored, {len(outcomes) - scored} not analysed and reported as such."
    )
    console.print(f"{sum(outcome.heat_maps for outcome in outcomes)} suspicions, each with its heat map.")
    console.print("Not a medical device. The network has seen children of one to five years only.")


def _stay_up(service: ServiceProcess, data_dir: Path, listener: Destination) -> None:
    console.print("\nThe service stays up; Ctrl-C ends it. Try, in another terminal:")
    for command in (
        f"send samples/xrays --to {listener.ae_title}@{listener.host}:{listener.port}",
        f"status --data-dir {data_dir}",
        f"studies list --data-dir {data_dir}",
    ):
        console.print(f"  .venv/bin/cxr-triage {command}", soft_wrap=True, highlight=False)
    try:
        service.wait()
    except KeyboardInterrupt:
        console.print("Stopping ...")
        raise
    else:
        raise Rejected(f"the service ended by itself; see {service.log_file}")
