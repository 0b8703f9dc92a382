"""From an analysed study to a RIS, by the delivery row alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from config.settings import Settings
from db import deliveries, schema
from db.tables import Delivery
from domain.study import DeliveryState, StudyStatus
from hl7_gateway.simulated_ris import RisAnswer, SimulatedRis
from tests.acceptance.xrays import PATIENT_ID, PATIENT_NAME
from tests.integration.worker.stored import store_study, study_of
from tests.unit.hl7.messages import parsed, segments
from worker.bootstrap_work import WorkCollaborators


@pytest.fixture
def ris() -> Iterator[SimulatedRis]:
    """A RIS that listens."""
    with SimulatedRis() as running:
        yield running


@pytest.fixture
def collaborators(settings: Settings, ris: SimulatedRis) -> Iterator[WorkCollaborators]:
    """A service whose results go to the RIS alone."""
    hl7 = {"name": "ris", "host": "127.0.0.1", "port": ris.address[1], "response_timeout_seconds": 1.0}
    changes = {"destinations": [], "hl7_destinations": [hl7]}
    made = WorkCollaborators(Settings.model_validate({**settings.model_dump(), **changes}))
    schema.upgrade(made.engine)
    yield made
    made.engine.dispose()


@pytest.fixture
def delivery_id(collaborators: WorkCollaborators, tmp_path: Path) -> int:
    """The delivery of an analysed study."""
    study = store_study(collaborators, tmp_path)
    collaborators.analysis.run(study.id, "t")
    return row(collaborators).id


def row(collaborators: WorkCollaborators) -> Delivery:
    """The one delivery as it is now."""
    ((delivery, _, _),) = deliveries.listed(collaborators.engine, None, 10)
    return delivery


def test_a_result_arrives_and_the_study_is_reported(
    collaborators: WorkCollaborators, ris: SimulatedRis, delivery_id: int
) -> None:
    """A valid ORU^R01 of this patient and study; a message has no DIMSE status."""
    collaborators.delivery.run(delivery_id, "t1")
    (message,) = ris.accepted.values()
    assert parsed(message).validate()
    (pid,) = segments(message, "PID")
    assert pid[3].split("^")[0] == PATIENT_ID
    assert pid[5].startswith(PATIENT_NAME)
    ((_, _, study),) = deliveries.listed(collaborators.engine, DeliveryState.SENT, 10)
    assert segments(message, "OBX")[-1][5] == study.study_instance_uid
    assert study_of(collaborators, study.study_instance_uid).status is StudyStatus.REPORTED
    assert row(collaborators).dimse_status is None


def test_sending_again_sends_the_same_message(
    collaborators: WorkCollaborators, ris: SimulatedRis, delivery_id: int
) -> None:
    """Byte for byte, under the same control ID."""
    collaborators.delivery.run(delivery_id, "t1")
    deliveries.resend(collaborators.engine, [delivery_id], row(collaborators).created_at, "test")
    collaborators.delivery.run(delivery_id, "t2")
    first, second = ris.attempts
    assert (first.control_id, first.message) == (second.control_id, second.message)


@pytest.mark.parametrize("answer", [RisAnswer.REJECT, RisAnswer.GARBAGE, RisAnswer.CLOSE, RisAnswer.SILENT])
def test_what_may_pass_is_tried_again(
    collaborators: WorkCollaborators, ris: SimulatedRis, delivery_id: int, answer: RisAnswer
) -> None:
    """PENDING with the reason, then accepted."""
    ris.set_answer(answer)
    collaborators.delivery.run(delivery_id, "t1")
    assert row(collaborators).state is DeliveryState.PENDING
    assert row(collaborators).last_error
    ris.set_answer(RisAnswer.ACCEPT)
    collaborators.delivery.run(delivery_id, "t2")
    assert row(collaborators).state is DeliveryState.SENT


def test_a_ris_that_is_away_delays_the_message(
    collaborators: WorkCollaborators, ris: SimulatedRis, delivery_id: int
) -> None:
    """Loses nothing."""
    ris.stop()
    collaborators.delivery.run(delivery_id, "t1")
    assert row(collaborators).state is DeliveryState.PENDING
    ris.start()
    collaborators.delivery.run(delivery_id, "t2")
    assert row(collaborators).state is DeliveryState.SENT


def test_a_refusal_for_good_is_failed_with_the_words_of_the_ris_and_without_the_patient(
    collaborators: WorkCollaborators, ris: SimulatedRis, delivery_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a receiver quotes of the patient reaches neither the database's error nor the log."""
    quoting = f"no order for {PATIENT_NAME} ({PATIENT_ID})"
    monkeypatch.setattr("hl7_gateway.sending.read_block", lambda *_: f"{_MSH}MSA|AE|{_id(ris)}|{quoting}\r".encode())
    with structlog.testing.capture_logs() as logs:
        collaborators.delivery.run(delivery_id, "t1")
    failed = row(collaborators)
    assert failed.state is DeliveryState.FAILED
    assert "no order for" in (failed.last_error or "")
    written = f"{failed.last_error} {logs}"
    assert [word for word in (*PATIENT_NAME.split("^"), PATIENT_ID) if word in written] == []


_MSH = "MSH|^~\\&|RIS||||20261122||ACK^R01^ACK|1|P|2.5.1\r"


def _id(ris: SimulatedRis) -> str:
    """Wait for the message, and give its control ID."""
    ris.wait_for_accepted(1, 10.0)
    return ris.attempts[-1].control_id
