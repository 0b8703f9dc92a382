"""From an analysed study to a DICOMweb server, by the delivery row alone."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from admin.announced_check import announced_checks
from config.load import load_settings
from config.settings import Settings
from db import deliveries, reports, schema
from db.tables import Delivery
from dicom_gateway.capture import SECONDARY_CAPTURE
from dicom_gateway.report import BASIC_TEXT_SR, REPORT_SOP_CLASSES
from domain.errors import ConfigurationInvalid
from domain.study import DeliveryState, StudyStatus
from tests.integration.gateway.scripted_stow import Scripted, ScriptedServer
from tests.integration.worker.stored import store_study, study_of
from tests.integration.worklist.stow import TOKEN as SENDER_TOKEN
from tests.integration.worklist.stow import stow_server, stow_settings
from worker.bootstrap_work import WorkCollaborators

TOKEN = "a-token-of-a-test"  # noqa: S105 - of a test's server


@pytest.fixture
def script() -> Scripted:
    """What the server answers."""
    return Scripted(token=TOKEN)


@pytest.fixture
def url(script: Scripted) -> Iterator[str]:
    """Where the server is."""
    with ScriptedServer(script) as server:
        yield server.url


Service = Callable[..., WorkCollaborators]


@pytest.fixture
def service(settings: Settings, url: str) -> Iterator[Service]:
    """Make a service whose reports go to the server alone; `changes` are those of the destination."""
    made = []

    def make(**changes: object) -> WorkCollaborators:
        destination = {
            "name": "archive",
            "url": url,
            "bearer_token": TOKEN,
            "response_timeout_seconds": 20.0,
            **changes,
        }
        all_changes = {"destinations": [], "dicomweb_destinations": [destination]}
        collaborators = WorkCollaborators(Settings.model_validate({**settings.model_dump(), **all_changes}))
        schema.upgrade(collaborators.engine)
        made.append(collaborators)
        return collaborators

    yield make
    for collaborators in made:
        collaborators.engine.dispose()


def deliver(collaborators: WorkCollaborators, folder: Path) -> Delivery:
    """Have a study read and its report delivered once; gives the delivery as it is then."""
    study = store_study(collaborators, folder)
    collaborators.analysis.run(study.id, "t")
    collaborators.delivery.run(row(collaborators).id, "t1")
    return row(collaborators)


def row(collaborators: WorkCollaborators) -> Delivery:
    """The one delivery as it is now."""
    ((delivery, _, _),) = deliveries.listed(collaborators.engine, None, 10)
    return delivery


def test_the_report_arrives_as_it_is_kept(service: Service, script: Scripted, tmp_path: Path) -> None:
    """The SR that the database keeps, once; the study is reported."""
    collaborators = service()
    sent = deliver(collaborators, tmp_path)
    assert (sent.state, sent.dimse_status) == (DeliveryState.SENT, 0)
    (received,) = script.received
    (kept,) = reports.reports_of(collaborators.engine, sent.result_id)
    assert received.SOPInstanceUID == kept.sop_instance_uid
    assert received == dcmread(BytesIO(kept.content))
    assert received.SOPClassUID == REPORT_SOP_CLASSES[0]
    assert script.paths == ["/dicom-web/studies"]
    assert study_of(collaborators, received.StudyInstanceUID).status is StudyStatus.REPORTED


def test_our_own_server_and_client_understand_each_other(settings: Settings, tmp_path: Path) -> None:
    """Sent by dicomweb-client to the real STOW-RS server: which takes no SR, and says so by 0122."""
    stow = stow_settings(tmp_path / "taker")
    with stow_server(stow) as address:
        destination = {"name": "ours", "url": f"{address}/dicomweb", "bearer_token": SENDER_TOKEN}
        changes = {"destinations": [], "dicomweb_destinations": [destination]}
        collaborators = WorkCollaborators(Settings.model_validate({**settings.model_dump(), **changes}))
        schema.upgrade(collaborators.engine)
        failed = deliver(collaborators, tmp_path)
        collaborators.engine.dispose()
    assert (failed.state, failed.dimse_status) == (DeliveryState.FAILED, 0x0122)


def test_the_heat_map_comes_first_if_wanted(service: Service, script: Scripted, tmp_path: Path) -> None:
    """The picture, then the report; as Basic Text where that is asked for."""
    deliver(service(heat_map=True, report_format="basic_text"), tmp_path)
    classes = [received.SOPClassUID for received in script.received]
    assert classes[-1] == BASIC_TEXT_SR
    assert classes[:-1] in ([], [SECONDARY_CAPTURE])


def test_an_instance_that_failed_is_refused_for_good(service: Service, script: Scripted, tmp_path: Path) -> None:
    """The delivery is FAILED, with the reason."""
    script.status = 409
    script.failed(0xA900)
    failed = deliver(service(), tmp_path)
    assert (failed.state, failed.dimse_status) == (DeliveryState.FAILED, 0xA900)


def test_a_server_out_of_resources_is_tried_again(service: Service, script: Scripted, tmp_path: Path) -> None:
    """And takes the same report then."""
    script.status = 503
    script.failed(0xA700)
    collaborators = service()
    waiting = deliver(collaborators, tmp_path)
    assert (waiting.state, waiting.dimse_status) == (DeliveryState.PENDING, 0xA700)
    script.status, script.payload = 200, None
    collaborators.delivery.run(waiting.id, "t2")
    assert row(collaborators).state is DeliveryState.SENT
    first, second = script.received
    assert first == second


def test_doctor_tries_it(service: Service, script: Scripted) -> None:
    """By its own name, and without sending anything."""
    ((name, check),) = announced_checks(service().settings)
    assert name == "STOW-RS archive"
    script.status = 204
    assert "answers QIDO-RS" in check()
    assert script.received == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://archive.example", "url must be"),
        ("https://user:word@archive.example", "url must be"),
        ("https://archive.example/?token=x", "url must be"),
        ("http://archive.example/dicom-web", "in the clear"),
        ("https://[archive", "url must be"),
    ],
)
def test_a_token_does_not_cross_a_network_in_the_clear(url: str, words: str) -> None:
    """Nor does a secret stand in a URL, which is logged by others."""
    destination = {"name": "archive", "url": url, "bearer_token": TOKEN}
    with pytest.raises(ConfigurationInvalid, match=words) as raised:
        load_settings(None, {"dicomweb_destinations": [destination]})
    assert TOKEN not in str(raised.value)
