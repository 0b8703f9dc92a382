from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from admin.drills import kept
from admin.page_desk import desk_of
from config.destinations import DicomwebDestinationSettings
from config.settings import Settings
from db import deliveries, peers, processes, results, studies, worklist
from db.peers import NO_PAUSES
from db.processes import Life
from db.session import transaction
from domain.clock import utc_now
from domain.study import DeliveryState, StudyStatus
from tests.integration.db.builders import LATER, claimed, received, suspected
from tests.integration.worklist.conftest import SignIn
from worklist import service_page


@pytest.fixture
def failed(engine: Engine) -> int:
    """A report that was refused for good, and a study that could not be analysed; gives the delivery's id."""
    received(engine)
    (delivery_id,) = results.commit_result(engine, claimed(engine), suspected(), ["pacs"], LATER) or []
    delivery = deliveries.claim(engine, delivery_id, "t", LATER, timedelta(minutes=1))
    assert delivery is not None
    deliveries.fail(engine, delivery, LATER, "0x0122 <b>refused</b>", 0x0122)
    received(engine, study="1.2.4", association_id="a2")
    later = LATER + timedelta(days=1)
    studies.mark_ready(engine, later, timedelta(0), timedelta(0))
    claim = studies.claim(engine, 2, "t2", later, timedelta(minutes=1))
    assert claim is not None
    studies.fail(engine, claim, later, "the decoder died")
    return delivery_id


def test_only_an_admin_sees_or_changes_the_service(sign_in: SignIn, failed: int) -> None:
    """A reader is told so, and has no link to it."""
    reader = sign_in("anna")
    assert reader.get("/service").status_code == 403
    assert reader.post("/service/retry", data={"what": "all"}).status_code == 403
    form = {"destination": "pacs", "state": "FAILED"}
    assert reader.post("/service/resend", data=form).status_code == 403
    assert 'href="/service"' not in reader.get("/").text
    assert 'href="/service"' in sign_in("chief").get("/").text


def test_the_page_shows_what_the_commands_show(sign_in: SignIn, engine: Engine, failed: int, service: Settings) -> None:
    """Failures with their words as text, backlog, associations, processes and drills."""
    now = utc_now()
    processes.note_alive(engine, Life("1", "work-analyse", "reader-1", 7, now - timedelta(hours=2)), now)
    processes.note_alive(engine, Life("2", "sweep", "reader-2", 8, now), now - timedelta(minutes=5))
    one = {
        "name": "kill",
        "holds": True,
        "error": None,
        "rounds": 3,
        "acknowledged": 9,
        "lost": 0,
        "twice": 0,
        "stuck": 0,
    }
    assert kept.keep(service, {"finished_at": "2026-11-22T08:00:00+00:00", "drills": [one]})
    page = sign_in("chief").get("/service").text
    for words in (
        "the decoder died",
        "MODALITY",
        "work-analyse",
        "silent for",
        "not set any more",
        "kill",
        "holds",
    ):
        assert words in page
    assert "&lt;b&gt;refused" in page
    assert "Failures (2)" in page
    assert "GB" in page


def test_failures_come_page_by_page(sign_in: SignIn, failed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, each is on one page, and none on a page past the last."""
    monkeypatch.setattr(service_page, "_FAILURES", 1)
    chief = sign_in("chief")
    first, second, third = (chief.get(f"/service?page={number}").text for number in (1, 2, 3))
    assert ("the decoder died" in first, "refused" in first) == (True, False)
    assert ("the decoder died" in second, "refused" in second) == (False, True)
    assert 'href="/service?page=2"' in first
    assert 'href="/service?page=3"' not in second
    assert "There are not so many" in third
    assert all("Failures (2)" in page for page in (first, second, third))
    del failed


@pytest.fixture
def with_vna(app: FastAPI, service: Settings) -> None:
    """One destination by STOW-RS more."""
    web = DicomwebDestinationSettings(name="vna", url="https://vna.example/dicomweb")
    settings = service.model_copy(update={"dicomweb_destinations": (web,)})
    app.state.desk = desk_of(settings)


@pytest.mark.usefixtures("with_vna")
def test_a_destination_of_every_kind_is_on_the_page(sign_in: SignIn) -> None:
    """Also one by STOW-RS that has been sent nothing yet."""
    assert "https://vna.example/dicomweb by STOW-RS" in sign_in("chief").get("/service").text


@pytest.mark.usefixtures("with_vna")
def test_a_destination_that_fails_says_so(sign_in: SignIn, engine: Engine) -> None:
    """For how long, beside what waits for it; one that is not set any more fails no more."""
    chief = sign_in("chief")
    assert "3 h" not in chief.get("/service").text
    then = utc_now() - timedelta(hours=3)
    with transaction(engine) as session:
        peers.note_failing(session, "vna", then, NO_PAUSES)
        peers.note_failing(session, "gone", then, NO_PAUSES)
    page = chief.get("/service").text
    assert page.count('<strong class="suspected">3 h') == 1


def test_a_button_does_what_the_command_does_and_says_who(sign_in: SignIn, engine: Engine, failed: int) -> None:
    """The study is read again and the report sent again, from the first attempt; both are on record with the name."""
    chief = sign_in("chief")
    answer = chief.post("/service/retry", data={"what": "study", "failure_id": "2"})
    assert answer.headers["location"] == "/service?moved=1&meant=1"
    study = studies.find(engine, "1.2.4")
    assert study is not None
    assert (study.status, study.attempts) == (StudyStatus.READY, 0)
    form = {"destination": "pacs", "state": "FAILED"}
    assert chief.post("/service/resend", data=form).headers["location"] == "/service?moved=1&meant=1"
    (delivery,) = deliveries.of_result(engine, 1)
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
    noted = [(event.kind, event.detail["by"]) for event, _ in worklist.audit(engine, None) if "by" in event.detail]
    assert noted[-2:] == [("reprocess_requested", "chief"), ("delivery_resend", "chief")]
    assert chief.post("/service/retry", data={"what": "all"}).headers["location"] == "/service?moved=0&meant=0"


def test_drills_keep_the_last_result_of_each(service: Settings) -> None:
    """A run of one drill leaves what is known of the others; without a data folder nothing is made."""
    for name, at in (("kill", "1"), ("disks", "1"), ("kill", "2")):
        assert kept.keep(service, {"finished_at": at, "drills": [{"name": name, "holds": True}]})
    assert [(one["name"], one["finished_at"]) for one in kept.kept(service)] == [("disks", "1"), ("kill", "2")]
    elsewhere = service.service.model_copy(update={"data_dir": service.service.data_dir / "none"})
    nowhere = service.model_copy(update={"service": elsewhere})
    assert not kept.keep(nowhere, {"finished_at": "1", "drills": []})
    assert kept.kept(nowhere) == []
