from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from structlog.testing import capture_logs

from dicom_gateway.association_policy import AssociationRequest
from dicom_gateway.associations import AssociationOpened
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.reception import Answer, ReceivedInstance, Reception, StoreRequest
from dicom_gateway.spool import Spool
from dicom_gateway.status import Status
from tests.integration.gateway.instances import UIDS, encoded, image

ASSOCIATION = AssociationOpened("a" * 32, AssociationRequest("MODALITY", "CXR", "192.0.2.1"), datetime.now(UTC))


@pytest.fixture
def store(tmp_path: Path) -> InstanceStore:
    """Make an empty store."""
    return InstanceStore(tmp_path)


def request(store: InstanceStore, data_set: bytes) -> StoreRequest:
    """Make a C-STORE request whose data set has arrived."""
    spool = Spool(store.new_temporary(), b"meta", 1 << 20)
    spool.write(memoryview(data_set))
    return StoreRequest(UIDS.sop_class, UIDS.sop_instance, ExplicitVRLittleEndian, spool, ASSOCIATION)


def test_success_comes_after_the_row(store: InstanceStore) -> None:
    """The row is committed once, for a file that is in place, before success is answered."""
    received: list[ReceivedInstance] = []

    def commit(instance: ReceivedInstance) -> None:
        assert store.path_of(instance.relative_path).is_file()
        received.append(instance)

    assert Reception(store, commit).answer(request(store, encoded(image()))) == Answer(Status.SUCCESS)
    assert [instance.association_id for instance in received] == [ASSOCIATION.association_id]


def test_an_unexpected_error_is_logged_without_its_words(store: InstanceStore) -> None:
    """A database error may quote a patient: only its kind and its place are logged, and 0110 is answered."""

    def fail(instance: ReceivedInstance) -> None:
        raise RuntimeError("INSERT failed for Doe^Jane")

    with capture_logs() as logs:
        answer = Reception(store, fail).answer(request(store, encoded(image())))
    assert answer.status is Status.PROCESSING_FAILURE
    (failure,) = [entry for entry in logs if entry["event"] == "instance_failed"]
    assert failure["reason"].startswith("RuntimeError at test_reception.py:")
    assert "Doe" not in str(logs)


def test_refused_data_commits_nothing(store: InstanceStore) -> None:
    """A data set that cannot be kept never reaches the database."""

    def fail(instance: ReceivedInstance) -> None:
        pytest.fail("nothing was to be committed")

    answer = Reception(store, fail).answer(request(store, encoded(image(SOPInstanceUID="1.2.3"))))
    assert answer.status is Status.DATA_SET_DOES_NOT_MATCH
    assert answer.offending_element == 0x00080018
