"""A sender asks the whole service, as processes, to keep its image; the service is killed before it can answer."""

import json
from pathlib import Path

from pydicom import dcmread

from admin.service_process import ServiceProcess
from dicom_gateway.association_scu import Destination
from dicom_gateway.commitment_scu import confirmation_session
from dicom_gateway.pacs_commitment import CommitmentManners
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scu import send_files
from domain.commitment import CommitmentReply, SopReference
from tests.acceptance.conftest import CommandLine, wait_until
from tests.acceptance.xrays import write_xray

_WAIT_SECONDS = 240.0


def ask(listener: Destination, transaction_uid: str, reference: SopReference) -> None:
    """Ask for commitment, and close the association."""
    with confirmation_session(listener, lambda _: True, commitment=True, query=False) as session:
        session.request(transaction_uid, [reference])


def test_a_request_for_commitment_survives_the_death_of_the_service(tmp_path: Path) -> None:
    """Acknowledged, not answered because the sender was away, killed: after the restart the sender is told."""
    confirming = PacsConfirming(CommitmentManners())
    sender = SimulatedPacs("ROOM1", confirming=confirming)
    sender.start()
    host, port = sender.address
    sender.stop()
    environment = {
        "CXR_PEERS": json.dumps({"room-1": {"ae_title": "ROOM1", "answer_to": {"host": host, "port": port}}}),
        "CXR_DELIVERY__FIRST_RETRY_SECONDS": "0.5",
        "CXR_DELIVERY__LONGEST_RETRY_SECONDS": "1",
    }
    service = ServiceProcess(tmp_path / "data", ["--dicom-port", "0"], environment)
    command = CommandLine(service.data_dir)
    image = write_xray(tmp_path)
    header = dcmread(image, stop_before_pixels=True)
    kept = SopReference(str(header.SOPClassUID), str(header.SOPInstanceUID))
    service.start()
    try:
        listener = Destination("service", "CXR_TRIAGE", *service.wait_until_listening(), "ROOM1")
        (outcome,) = send_files(listener, [image])
        assert outcome.is_stored
        ask(listener, "1.2.826.0.1.77", kept)
        wait_until(lambda: command.json("commitments", "list")[0]["last_error"] is not None, "an attempt in vain")
        service.kill()
        sender.start()
        service.start()
        assert confirming.commitment is not None
        (reply,) = confirming.commitment.wait_for_replies(1, _WAIT_SECONDS)
        assert reply == CommitmentReply("1.2.826.0.1.77", (kept,))
        wait_until(lambda: command.json("commitments", "list")[0]["state"] == "ANSWERED", "the answer in the database")
    finally:
        service.stop()
        sender.stop()
