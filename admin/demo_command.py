"""`cxr-triage demo`: the main job, from nothing, on real chest X-rays, with a simulated PACS beside it."""

import json
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from admin.demo_announcements import DemoAnnouncements
from admin.demo_worklist import WORKLIST_ENVIRONMENT, show_sign_in_link
from admin.output import console
from admin.service_process import ServiceProcess
from config.load import forget_variables, load_settings
from db import deliveries, instances, results, studies
from db.session import Engine
from db.tables import Delivery, Result, Study
from dicom_gateway.association_scu import Destination
from dicom_gateway.demo_studies import DemoStudy, make_demo_studies
from dicom_gateway.pacs_commitment import CommitmentManners
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scu import send_files
from domain.errors import ConfigurationInvalid, Rejected
from domain.finding import Assessment
from domain.study import ARRIVED, DeliveryState, StudyStatus
from worker.bootstrap import Collaborators

_SAMPLES = Path(__file__).resolve().parents[1] / "samples"
_PACS_AE_TITLE = "SIMPACS"
_DESTINATION = "pacs"
#: Seconds after which a report that has not come counts as lost.
_PATIENCE_SECONDS = 240.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one study."""

    demo: DemoStudy
    study: Study | None
    result: Result | None
    delivered: bool
    #: Of its newest delivery; None when it was never sent.
    state: DeliveryState | None
    #: Heat maps of the study that the PACS keeps; one is due for a suspicion.
    heat_maps: int
    #: From the last C-STORE response of the study to its report's arrival in the PACS.
    seconds: float | None


def demo(
    stay_up: Annotated[bool, typer.Option("--stay-up", help="Keep the service running afterwards.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Keep the data there, instead of in a temporary folder.")
    ] = None,
    ups: Annotated[bool, typer.Option("--ups", help="Also ask the simulated PACS for readings (UPS Push).")] = False,
    hl7: Annotated[bool, typer.Option("--hl7", help="Also send HL7 v2 messages to a simulated RIS.")] = False,
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
        announced = DemoAnnouncements(ups=ups, hl7=hl7)
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
        faults, sent_at = _send(made, listener)
        _wait_for_reports(collaborators, pacs, made)
        outcomes = [_outcome(collaborators, pacs, demo, sent_at) for demo in made]
        console.print(_table(outcomes))
        faults += _faults(collaborators, pacs, outcomes) + announced.show(len(made))
        if not faults:
            _say_all_is_well(outcomes)
        if stay_up:
            show_sign_in_link(collaborators.engine, home / "data")
            _stay_up(service, home / "data", listener)
    return faults


def _destination(pacs: SimulatedPacs) -> dict[str, str]:
    """Give the environment that sends reports and heat maps to the simulated PACS, and only there."""
    host, port = pacs.address
    wanted = {"name": _DESTINATION, "ae_title": pacs.ae_title, "host": host, "port": port, "heat_map": True}
    return {"CXR_DESTINATIONS": json.dumps([wanted])}


def _send(made: Sequence[DemoStudy], listener: Destination) -> tuple[list[str], dict[str, float]]:
    """Send every study by C-STORE; give what was not acknowledged, and when each study's last answer came."""
    faults: list[str] = []
    sent_at: dict[str, float] = {}
    with _progress("Sending") as progress:
        task = progress.add_task("C-STORE", total=len(made))
        for study in made:
            refused = [sent for sent in send_files(listener, study.files) if not sent.is_stored]
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
            if received >= expected and all(_is_committed(collaborators.engine, demo) for demo in made):
                return
            time.sleep(_POLL_SECONDS)


def _is_committed(engine: Engine, demo: DemoStudy) -> bool:
    *_, to_pacs = _newest(engine, demo)
    return to_pacs is not None and to_pacs.state is DeliveryState.COMMITTED


def _newest(engine: Engine, demo: DemoStudy) -> tuple[Study | None, Result | None, list[Delivery], Delivery | None]:
    """Give the study, its newest result, that one's deliveries, and the one to the PACS among them."""
    study = studies.find(engine, demo.study_instance_uid)
    history = results.of_study(engine, study.id) if study else []
    result = history[-1] if history else None
    opened = list(deliveries.of_result(engine, result.id)) if result else []
    return study, result, opened, next((one for one in opened if one.destination == _DESTINATION), None)


def _progress(words: str) -> Progress:
    columns = (TextColumn(words), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console)


def _outcome(collaborators: Collaborators, pacs: SimulatedPacs, demo: DemoStudy, sent_at: dict[str, float]) -> _Outcome:
    study, result, opened, to_pacs = _newest(collaborators.engine, demo)
    sent = bool(opened) and all(delivery.state in ARRIVED for delivery in opened)
    arrived_at = _arrival(pacs, demo.study_instance_uid)
    seconds = None if arrived_at is None else arrived_at - sent_at[demo.study_instance_uid]
    heat_maps = sum(capture.StudyInstanceUID == demo.study_instance_uid for capture in pacs.captures)
    state = to_pacs.state if to_pacs else None
    return _Outcome(demo, study, result, sent and arrived_at is not None, state, heat_maps, seconds)


def _arrival(pacs: SimulatedPacs, study_instance_uid: str) -> float | None:
    """Tell when the newest report of a study arrived in the PACS, in seconds since the epoch."""
    uids = {report.SOPInstanceUID for report in pacs.reports if report.StudyInstanceUID == study_instance_uid}
    arrivals = [a.received_at.timestamp() for a in pacs.attempts if a.is_kept and a.sop_instance_uid in uids]
    return max(arrivals, default=None)


def _table(outcomes: Sequence[_Outcome]) -> Table:
    table = Table(title="What the network says, and what the PACS received", title_justify="left")
    for column in (
        "study",
        "sent as",
        "truth",
        "probability",
        "assessment",
        "priority",
        "why not analysed",
        "report",
        "heat map",
        "seconds",
    ):
        table.add_column(column, justify="right" if column in {"probability", "seconds"} else "left")
    for outcome in sorted(outcomes, key=_reading_order):
        table.add_row(*_cells(outcome))
    return table


def _reading_order(outcome: _Outcome) -> tuple[int, float]:
    if outcome.result is None:
        return (-1, 0.0)
    return (outcome.result.reading_priority.rank, -(outcome.result.probability or 0.0))


def _cells(outcome: _Outcome) -> tuple[str, ...]:
    result = outcome.result
    if result is None:
        demo = outcome.demo
        return (demo.label, demo.sent_as, demo.truth, "-", "-", "-", "no result", "no", "-", "-")
    refusal = results.refusal_of(result)
    return (
        outcome.demo.label,
        outcome.demo.sent_as,
        outcome.demo.truth,
        "-" if result.probability is None else f"{result.probability:.3f}",
        result.assessment.value.replace("_", " "),
        result.reading_priority.value,
        refusal.code.words if refusal else "",
        _delivery_words(outcome),
        _heat_map_words(outcome),
        "-" if outcome.seconds is None else f"{outcome.seconds:.1f}",
    )


def _delivery_words(outcome: _Outcome) -> str:
    if not outcome.delivered or outcome.state is None:
        return "[red]missing[/]"
    is_committed = outcome.state is DeliveryState.COMMITTED
    return "committed" if is_committed else f"[red]{outcome.state.value.lower()}[/]"


def _heat_maps_due(outcome: _Outcome) -> int:
    return int(outcome.result is not None and outcome.result.assessment is Assessment.SUSPECTED)


def _heat_map_words(outcome: _Outcome) -> str:
    if outcome.heat_maps != _heat_maps_due(outcome):
        return f"[red]{outcome.heat_maps} received[/]"
    return "received" if outcome.heat_maps else ""


def _faults(collaborators: Collaborators, pacs: SimulatedPacs, outcomes: Sequence[_Outcome]) -> list[str]:
    faults = []
    for outcome in outcomes:
        label = outcome.demo.label
        if outcome.study is None:
            faults.append(f"{label}: acknowledged, but unknown to the database")
            continue
        if outcome.study.status is not StudyStatus.REPORTED:
            faults.append(f"{label}: ended as {outcome.study.status.value}")
        faults += _undelivered(outcome)
        if outcome.heat_maps != _heat_maps_due(outcome):
            faults.append(f"{label}: the PACS has {outcome.heat_maps} heat maps, not {_heat_maps_due(outcome)}")
        faults += _missing_files(collaborators, outcome.study, len(outcome.demo.files), label)
        faults += _wrong_refusal(outcome)
    for instance in pacs.instances:
        if (times := pacs.times_sent(instance.SOPInstanceUID)) > 1:
            faults.append(f"{instance.Modality} {instance.SOPInstanceUID} was received {times} times")
    return faults


def _undelivered(outcome: _Outcome) -> list[str]:
    if not outcome.delivered:
        return [f"{outcome.demo.label}: its report was not received by the PACS"]
    is_committed = outcome.state is DeliveryState.COMMITTED
    return [] if is_committed else [f"{outcome.demo.label}: the PACS has not committed its report"]


def _missing_files(collaborators: Collaborators, study: Study, expected: int, label: str) -> list[str]:
    rows = instances.newest_of_study(collaborators.engine, study.id)
    store = collaborators.store
    sound = [row for row in rows if store.verify(row.relative_path, row.sha256, row.size_bytes)]
    return [] if len(sound) == expected else [f"{label}: {len(sound)} of {expected} acknowledged files are kept"]


def _wrong_refusal(outcome: _Outcome) -> list[str]:
    found = outcome.result.refusal_code if outcome.result else None
    expected = outcome.demo.expected_refusal
    return [] if found == expected else [f"{outcome.demo.label}: refused as {found}, expected {expected}"]


def _say_all_is_well(outcomes: Sequence[_Outcome]) -> None:
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
