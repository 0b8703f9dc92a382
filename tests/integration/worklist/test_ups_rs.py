"""Workitems by UPS-RS: PS3.18 section 11, over the workitems that the UPS SCP has."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db import results, workitems, worklist
from db.workitems import NewWorkitem
from domain.priority import ReadingPriority
from domain.workitem import WorkitemState
from tests.integration.db.builders import NOW, claimed, received, suspected
from tests.integration.worklist.conftest import Program

STATE, TRANSACTION, UID = "00741000", "00081195", "00080018"
CLAIM = "2.25.77"


def element(vr: str, *values: object) -> dict[str, object]:
    """Give one element in the DICOM JSON Model."""
    return {"vr": vr, "Value": list(values)}


ATTRIBUTES = {
    "00100010": element("PN", {"Alphabetic": "Doe^Jane"}),
    "00404005": element("DT", "20261122080000+0000"),
    "00741200": element("CS", "HIGH"),
    "00741204": element("LO", "Interpretation of a radiograph"),
    "0020000D": element("UI", "1.2.3"),
}
CODE = {"00080100": element("SH", "1"), "00080102": element("SH", "99"), "00080104": element("LO", "x")}
PERFORMED = {
    "00741216": element(
        "SQ",
        {
            "00404028": element("SQ", CODE),
            "00404050": element("DT", "20261122080000+0000"),
            "00404019": element("SQ", CODE),
            "00404051": element("DT", "20261122081000+0000"),
        },
    )
}


@pytest.fixture
def listed(engine: Engine) -> Engine:
    """A database with three workitems of one result."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], NOW)
    for n, priority in enumerate((ReadingPriority.ROUTINE, ReadingPriority.HIGH, ReadingPriority.ROUTINE)):
        new = NewWorkitem(f"2.25.{n}", 1, priority, NOW + timedelta(minutes=n), json.dumps(ATTRIBUTES))
        workitems.add(engine, new, NOW)
    return engine


def state(name: str, transaction: str = CLAIM) -> list[dict[str, object]]:
    """Give the body of a change of state."""
    return [{STATE: element("CS", name), TRANSACTION: element("UI", transaction)}]


def test_a_search_gives_them_in_reading_order(program: Program, listed: Engine) -> None:
    """By keyword or tag; none that matches is 204; more than the limit is told by a warning."""
    client = program()
    answer = client.get("/workitems", params={"ProcedureStepState": "SCHEDULED", "includefield": "all"})
    assert answer.headers["content-type"] == "application/dicom+json"
    assert [one[UID]["Value"][0] for one in answer.json()] == ["2.25.1", "2.25.0", "2.25.2"]
    assert answer.json()[0]["00100010"]["Value"] == [{"Alphabetic": "Doe^Jane"}]
    assert all(TRANSACTION not in one for one in answer.json())
    assert client.get("/workitems", params={"00741000": "COMPLETED"}).status_code == 204
    assert len(client.get("/workitems", params={"SOPInstanceUID": "2.25.0,2.25.2"}).json()) == 2
    assert client.get("/workitems", params={"ScheduledProcedureStepStartDateTime": "20270101-"}).status_code == 204
    part = client.get("/workitems", params={"limit": 1, "offset": 1})
    assert [one[UID]["Value"][0] for one in part.json()] == ["2.25.0"]
    assert part.headers["warning"].startswith("299 ")
    del listed


@pytest.mark.parametrize(
    "key",
    ["PatientName", "00100020", "AccessionNumber", "ReferencedRequestSequence.AccessionNumber", "NoSuchKeyword", "a.b"],
)
def test_patient_data_in_an_address_is_refused(program: Program, listed: Engine, key: str) -> None:
    """So is what DICOM does not know; the value is not repeated."""
    answer = program().get("/workitems", params={key: "Doe"})
    assert answer.status_code == 400
    assert "Doe" not in answer.text
    del listed


def test_a_workitem_is_claimed_worked_on_and_completed(program: Program, listed: Engine) -> None:
    """By who knows its Transaction UID; the page shows who, and every step is on record."""
    anna, ben = program("anna"), program("ben")
    url = "/workitems/2.25.1"
    assert anna.put(f"{url}/state", json=state("IN PROGRESS")).status_code == 200
    assert ben.put(f"{url}/state", json=state("IN PROGRESS", "2.25.78")).status_code == 409
    assert anna.put(f"{url}/state", json=state("COMPLETED")).status_code == 409
    assert ben.post(url, json=PERFORMED).status_code == 400
    body = {**PERFORMED, TRANSACTION: element("UI", CLAIM)}
    assert anna.post(url, json=body).status_code == 200
    assert anna.put(f"{url}/state", json=state("COMPLETED")).status_code == 200
    again = anna.put(f"{url}/state", json=state("COMPLETED"))
    assert (again.status_code, again.headers["warning"]) == (200, '299 cxr-triage "already completed"')
    kept = workitems.by_uid(listed, "2.25.1")
    assert kept is not None
    assert (kept.lock.state, kept.performer_ae_title) == (WorkitemState.COMPLETED, "anna")
    shown = anna.get(url).json()
    assert shown[0][STATE]["Value"] == ["COMPLETED"]
    assert CLAIM not in json.dumps(shown)
    kinds = [event.kind for event, about in worklist.audit(listed, None) if about == "1.2.3"]
    assert kinds == ["workitem_changed", "study_viewed", "workitem_changed", "study_viewed"]


def test_what_cannot_be_done_says_so(program: Program, listed: Engine) -> None:
    """404 for none, 400 for what is no request, 409 for what stands against it."""
    client = program()
    assert client.get("/workitems/9.9").status_code == 404
    assert client.put("/workitems/9.9/state", json=state("IN PROGRESS")).status_code == 404
    assert client.put("/workitems/2.25.0/state", json=state("SCHEDULED")).status_code == 400
    for body in ([], "x", [{}, {}], {"00741000": 5}, {"zz": {}}):
        assert client.put("/workitems/2.25.0/state", json=body).status_code == 400
    assert client.post("/workitems/2.25.0/cancelrequest").status_code == 202
    client.put("/workitems/2.25.1/state", json=state("IN PROGRESS"))
    assert client.post("/workitems/2.25.1/cancelrequest").status_code == 409
    del listed
