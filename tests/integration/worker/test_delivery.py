from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from db import deliveries, reports
from db.tables import Delivery
from dicom_gateway.simulated_pacs import Faults, SimulatedPacs
from domain.study import DeliveryState, StudyStatus
from tests.integration.worker.stored import results_of, store_study, study_of
from worker.bootstrap_work import WorkCollaborators


@pytest.fixture
def delivery_id(collaborators: WorkCollaborators, tmp_path: Path) -> int:
    """The delivery of an analysed study."""
    study = store_study(collaborators, tmp_path)
    collaborators.analysis.run(study.id, "t")
    (result,) = results_of(collaborators, study)
    (delivery,) = deliveries.of_result(collaborators.engine, result.id)
    return delivery.id


def row(collaborators: WorkCollaborators) -> Delivery:
    """The one delivery as it is now."""
    ((delivery, _, _),) = deliveries.listed(collaborators.engine, None, 10)
    return delivery


def test_a_report_arrives_as_it_is_kept(
    collaborators: WorkCollaborators, pacs: SimulatedPacs, delivery_id: int
) -> None:
    """What the PACS has is, element for element, what the database keeps; the study is REPORTED."""
    collaborators.delivery.run(delivery_id, "t1")
    (arrived,) = pacs.reports
    (kept,) = reports.reports_of(collaborators.engine, row(collaborators).result_id)
    assert arrived == dcmread(DicomBytesIO(kept.content))
    assert study_of(collaborators, arrived.StudyInstanceUID).status is StudyStatus.REPORTED


def test_a_delivery_that_is_done_is_not_done_again(
    collaborators: WorkCollaborators, pacs: SimulatedPacs, delivery_id: int
) -> None:
    """Three messages, one C-STORE."""
    for task in ("t1", "t2", "t1"):
        collaborators.delivery.run(delivery_id, task)
    assert len(pacs.attempts) == 1


def test_sending_again_sends_the_same_instance(
    collaborators: WorkCollaborators, pacs: SimulatedPacs, delivery_id: int
) -> None:
    """The answer was lost, so it is sent twice: one SOP Instance UID, one report in the PACS."""
    collaborators.delivery.run(delivery_id, "t1")
    deliveries.resend(collaborators.engine, [delivery_id], row(collaborators).created_at, "test")
    collaborators.delivery.run(delivery_id, "t2")
    assert len(pacs.attempts) == 2
    assert len(pacs.reports) == 1


def test_a_refusal_for_good_is_failed_at_once(
    collaborators: WorkCollaborators, pacs: SimulatedPacs, delivery_id: int
) -> None:
    """Rejected is not retried, and keeps the status of the PACS."""
    pacs.set_faults(Faults(refuse_status=0xA900))
    collaborators.delivery.run(delivery_id, "t1")
    failed = row(collaborators)
    assert (failed.state, failed.dimse_status, failed.attempts) == (DeliveryState.FAILED, 0xA900, 1)


def test_a_busy_pacs_is_tried_again_until_the_attempts_are_used_up(
    collaborators: WorkCollaborators, pacs: SimulatedPacs, delivery_id: int
) -> None:
    """PENDING with the reason, then FAILED: listed, and counted."""
    pacs.set_faults(Faults(refuse_status=0xA700))
    collaborators.delivery.run(delivery_id, "t1")
    assert (row(collaborators).state, row(collaborators).dimse_status) == (DeliveryState.PENDING, 0xA700)
    while row(collaborators).state is DeliveryState.PENDING:
        collaborators.delivery.run(delivery_id, "t2")
    assert (row(collaborators).state, row(collaborators).attempts) == (DeliveryState.FAILED, 2)


def test_a_pacs_that_is_away_delays_the_report(
    collaborators: WorkCollaborators, pacs: SimulatedPacs, delivery_id: int
) -> None:
    """No connection is transient."""
    pacs.stop()
    collaborators.delivery.run(delivery_id, "t1")
    assert row(collaborators).state is DeliveryState.PENDING
    assert "PeerUnavailable" in (row(collaborators).last_error or "")


def test_a_destination_that_was_removed_from_the_settings_fails_with_words(
    collaborators: WorkCollaborators, delivery_id: int
) -> None:
    """No endless retry towards nowhere."""
    collaborators.__dict__["destinations"] = {}
    collaborators.delivery.run(delivery_id, "t1")
    assert row(collaborators).state is DeliveryState.FAILED
    assert "not in the settings" in (row(collaborators).last_error or "")
