"""What became of the demo's studies, and what of it is a fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db import deliveries, instances, results, studies
from db.session import Engine
from db.tables import Result, Study
from dicom_gateway.demo_studies import DemoStudy
from dicom_gateway.simulated_pacs import SimulatedPacs
from domain.finding import Assessment
from domain.study import ARRIVED, DeliveryState, StudyStatus
from worker.bootstrap import Collaborators

#: The simulated PACS, as the demo's service knows it.
DESTINATION = "pacs"


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """How far the service has come with one study."""

    study: Study | None
    #: The newest one.
    result: Result | None
    #: Every destination has answered that it has the newest result.
    is_sent: bool
    #: Of the delivery to the PACS; None before there is one.
    state: DeliveryState | None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for."""
        is_reported = self.study is not None and self.study.status is StudyStatus.REPORTED
        return is_reported and self.state is DeliveryState.COMMITTED


def progress_of(engine: Engine, demo: DemoStudy) -> StudyProgress:
    """Look into the database."""
    study = studies.find(engine, demo.study_instance_uid)
    history = results.of_study(engine, study.id) if study else []
    result = history[-1] if history else None
    opened = deliveries.of_result(engine, result.id) if result else []
    is_sent = bool(opened) and all(delivery.state in ARRIVED for delivery in opened)
    state = next((delivery.state for delivery in opened if delivery.destination == DESTINATION), None)
    return StudyProgress(study, result, is_sent, state)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one study."""

    demo: DemoStudy
    study: Study | None
    result: Result | None
    #: Sent to every destination, and received by the PACS.
    delivered: bool
    #: Of the delivery to the PACS; None when there was none.
    state: DeliveryState | None
    #: Heat maps of the study that the PACS keeps.
    heat_maps: int
    #: From the last C-STORE response of the study to its report's arrival in the PACS.
    seconds: float | None

    @property
    def is_committed(self) -> bool:
        """Whether the PACS has taken responsibility for the report."""
        return self.state is DeliveryState.COMMITTED

    @property
    def heat_maps_due(self) -> int:
        """One for a suspicion, else none."""
        return int(self.result is not None and self.result.assessment is Assessment.SUSPECTED)


def outcome_of(engine: Engine, pacs: SimulatedPacs, demo: DemoStudy, sent_at: Mapping[str, float]) -> Outcome:
    """Look into database and PACS; `sent_at` holds seconds since the epoch by Study Instance UID."""
    now = progress_of(engine, demo)
    arrived_at = _arrival(pacs, demo.study_instance_uid)
    seconds = None if arrived_at is None else arrived_at - sent_at[demo.study_instance_uid]
    heat_maps = sum(capture.StudyInstanceUID == demo.study_instance_uid for capture in pacs.captures)
    is_delivered = now.is_sent and arrived_at is not None
    return Outcome(demo, now.study, now.result, is_delivered, now.state, heat_maps, seconds)


def _arrival(pacs: SimulatedPacs, study_instance_uid: str) -> float | None:
    """Tell when the newest report of a study arrived in the PACS, in seconds since the epoch."""
    uids = {report.SOPInstanceUID for report in pacs.reports if report.StudyInstanceUID == study_instance_uid}
    arrivals = [a.received_at.timestamp() for a in pacs.attempts if a.is_kept and a.sop_instance_uid in uids]
    return max(arrivals, default=None)


def faults_of(collaborators: Collaborators, pacs: SimulatedPacs, outcomes: Sequence[Outcome]) -> list[str]:
    """Say, in words, what the demo promises and did not find."""
    faults = []
    for outcome in outcomes:
        label = outcome.demo.label
        if outcome.study is None:
            faults.append(f"{label}: acknowledged, but unknown to the database")
            continue
        if outcome.study.status is not StudyStatus.REPORTED:
            faults.append(f"{label}: ended as {outcome.study.status.value}")
        faults += _undelivered(outcome)
        if outcome.heat_maps != outcome.heat_maps_due:
            faults.append(f"{label}: the PACS has {outcome.heat_maps} heat maps, not {outcome.heat_maps_due}")
        faults += _missing_files(collaborators, outcome.study, len(outcome.demo.files), label)
        faults += _wrong_refusal(outcome)
    for instance in pacs.instances:
        if (times := pacs.times_sent(instance.SOPInstanceUID)) > 1:
            faults.append(f"{instance.Modality} {instance.SOPInstanceUID} was received {times} times")
    return faults


def _undelivered(outcome: Outcome) -> list[str]:
    if not outcome.delivered:
        return [f"{outcome.demo.label}: its report was not received by the PACS"]
    return [] if outcome.is_committed else [f"{outcome.demo.label}: the PACS has not committed its report"]


def _missing_files(collaborators: Collaborators, study: Study, expected: int, label: str) -> list[str]:
    rows = instances.newest_of_study(collaborators.engine, study.id)
    store = collaborators.store
    sound = [row for row in rows if store.verify(row.relative_path, row.sha256, row.size_bytes)]
    return [] if len(sound) == expected else [f"{label}: {len(sound)} of {expected} acknowledged files are kept"]


def _wrong_refusal(outcome: Outcome) -> list[str]:
    found = outcome.result.refusal_code if outcome.result else None
    expected = outcome.demo.expected_refusal
    return [] if found == expected else [f"{outcome.demo.label}: refused as {found}, expected {expected}"]
