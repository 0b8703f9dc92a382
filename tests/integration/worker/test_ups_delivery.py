"""From an analysed study to the worklist of a PACS, by the delivery row alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.settings import Settings
from db import deliveries, reprocessing, schema
from db.reprocessing import Request
from db.tables import Delivery
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.simulated_workitems import SimulatedWorkitems
from domain.study import DeliveryState, StudyStatus
from tests.integration.worker.stored import results_of, store_study, study_of
from worker.bootstrap_work import WorkCollaborators


@pytest.fixture
def workitems() -> SimulatedWorkitems:
    """The worklist of the PACS."""
    return SimulatedWorkitems()


@pytest.fixture
def pacs(workitems: SimulatedWorkitems) -> Iterator[SimulatedPacs]:
    """A simulated PACS that is a UPS SCP."""
    with SimulatedPacs("SIMPACS", workitems=workitems) as running:
        yield running


@pytest.fixture
def collaborators(settings: Settings, pacs: SimulatedPacs) -> Iterator[WorkCollaborators]:
    """A service that sends its reports to the PACS, and asks it for readings."""
    ups = {"name": "worklist", "ae_title": "SIMPACS", "host": "127.0.0.1", "port": pacs.address[1]}
    with_ups = Settings.model_validate({**settings.model_dump(), "ups_destinations": [ups]})
    made = WorkCollaborators(with_ups)
    schema.upgrade(made.engine)
    yield made
    made.engine.dispose()


def deliver_all(collaborators: WorkCollaborators, *, last_first: bool = False) -> None:
    """Run each delivery that is due, in order or in the opposite one."""
    ids = [delivery.id for delivery, _, _ in deliveries.listed(collaborators.engine, DeliveryState.PENDING, 50)]
    for number in sorted(ids, reverse=last_first):
        collaborators.delivery.run(number, "t")


def to_worklist(collaborators: WorkCollaborators) -> list[Delivery]:
    """The deliveries to the worklist, oldest first."""
    rows = deliveries.listed(collaborators.engine, None, 50)
    return sorted((d for d, _, _ in rows if d.destination == "worklist"), key=lambda delivery: delivery.id)


@pytest.mark.parametrize("last_first", [False, True])
def test_an_analysed_study_becomes_a_workitem_that_names_its_report(
    collaborators: WorkCollaborators,
    pacs: SimulatedPacs,
    workitems: SimulatedWorkitems,
    tmp_path: Path,
    last_first: bool,
) -> None:
    """Whether the workitem or the report goes first: the UID is that of the report which the PACS keeps."""
    study = store_study(collaborators, tmp_path)
    collaborators.analysis.run(study.id, "t")
    deliver_all(collaborators, last_first=last_first)
    (workitem,), (report,) = workitems.workitems, pacs.reports
    image, named = workitem.InputInformationSequence
    assert named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == report.SOPInstanceUID
    assert named.SeriesInstanceUID == report.SeriesInstanceUID
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert image.ReferencedSOPSequence == evidence.ReferencedSOPSequence
    assert workitem.ScheduledProcedureStepPriority == "HIGH"
    assert workitem.CommentsOnTheScheduledProcedureStep.startswith("AI triage, preliminary")
    assert study_of(collaborators, study.study_instance_uid).status is StudyStatus.REPORTED


def test_sending_again_is_harmless(
    collaborators: WorkCollaborators, workitems: SimulatedWorkitems, tmp_path: Path
) -> None:
    """Two N-CREATE, one workitem, SENT both times."""
    study = store_study(collaborators, tmp_path)
    collaborators.analysis.run(study.id, "t")
    deliver_all(collaborators)
    (delivery,) = to_worklist(collaborators)
    deliveries.resend(collaborators.engine, [delivery.id], delivery.created_at, "test")
    collaborators.delivery.run(delivery.id, "t2")
    assert [attempt.is_new for attempt in workitems.attempts] == [True, False]
    (again,) = to_worklist(collaborators)
    assert (again.state, again.dimse_status) == (DeliveryState.SENT, 0x0111)


def test_a_worklist_that_is_away_delays_the_workitem_and_not_the_study(
    collaborators: WorkCollaborators, pacs: SimulatedPacs, workitems: SimulatedWorkitems, tmp_path: Path
) -> None:
    """PENDING with the reason; it arrives when the PACS is back."""
    study = store_study(collaborators, tmp_path)
    collaborators.analysis.run(study.id, "t")
    pacs.stop()
    deliver_all(collaborators)
    (delivery,) = to_worklist(collaborators)
    assert delivery.state is DeliveryState.PENDING
    assert "PeerUnavailable" in (delivery.last_error or "")
    pacs.start()
    collaborators.delivery.run(delivery.id, "t2")
    assert len(workitems.workitems) == 1


def test_a_reprocessed_study_replaces_its_workitem(
    collaborators: WorkCollaborators, workitems: SimulatedWorkitems, tmp_path: Path
) -> None:
    """A new one that names the former, which is CANCELED; in whatever order they arrive."""
    study = store_study(collaborators, tmp_path)
    collaborators.analysis.run(study.id, "t")
    reprocessing.reprocess(collaborators.engine, study.id, datetime.now(UTC), Request("test"))
    collaborators.analysis.run(study.id, "t2")
    first, second = results_of(collaborators, study)
    deliver_all(collaborators, last_first=True)
    newer, older = workitems.workitems
    assert newer.ReplacedProcedureStepSequence[0].ReferencedSOPInstanceUID == older.SOPInstanceUID
    assert (newer.ProcedureStepState, older.ProcedureStepState) == ("SCHEDULED", "CANCELED")
    assert (first.revision, second.revision) == (1, 2)
