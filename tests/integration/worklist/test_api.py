"""What programs see and do, by token."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import Engine

from db import deliveries, events, feedback, reports, studies, worklist
from db.session import transaction
from db.tables import Delivery, Report
from dicom_gateway.instance_store import InstanceStore
from domain.clock import utc_now
from domain.reading import Role
from domain.study import DeliveryState
from tests.integration.db.builders import received
from tests.integration.db.test_worklist import counted
from tests.integration.worklist.conftest import Program, SignIn
from tests.integration.worklist.test_pages import HOSTILE, add_result, add_study, row
from worklist.story import story_of

API = "/api/v1"


@pytest.fixture
def uid(engine: Engine, store: InstanceStore, tmp_path: Path) -> str:
    """A study that has arrived."""
    return add_study(engine, store, tmp_path)


def study_url(engine: Engine, uid: str) -> str:
    """Give the path of a study."""
    return f"{API}/studies/{row(engine, uid).entry.token}"


def add_delivery(engine: Engine, result_id: int, destination: str, state: DeliveryState) -> int:
    """Store a delivery; gives its id."""
    now = utc_now()
    with transaction(engine) as session:
        made = Delivery(
            result_id=result_id, destination=destination, state=state, attempts=3, next_attempt_at=now, created_at=now
        )
        session.add(made)
        session.flush()
        return made.id


def test_the_list_says_of_a_study_what_the_page_says(program: Program, engine: Engine, uid: str) -> None:
    """Patient, priority with its reason, result with its operating point, or why there is none."""
    client = program()
    (before,) = client.get(f"{API}/worklist").json()["items"]
    assert (before["not_analysed"], before["result"]) == ("Not analysed yet", None)
    add_result(engine, uid)
    page = client.get(f"{API}/worklist").json()
    (line,) = page["items"]
    assert (page["total"], page["next"]) == (1, None)
    assert line["patient"] == {
        "name": "Doe^Jane",
        "id": "ID1",
        "birth_date": "20230101",
        "sex": line["patient"]["sex"],
        "age": "3 y",
    }
    assert (line["reading_priority"], line["reason"]) == ("HIGH", "pneumonia suspected")
    assert line["result"]["operating_point"]["threshold"] == 0.5
    assert line["id"] == row(engine, uid).entry.token


def test_filters_and_search_choose_as_on_the_page(program: Program, engine: Engine, uid: str) -> None:
    """What is searched for by text stands in the body."""
    client = program()
    assert client.get(f"{API}/worklist", params={"priority": "HIGH"}).json()["total"] == 0
    assert client.post(f"{API}/worklist/search", json={"text": "doe"}).json()["total"] == 1
    assert client.post(f"{API}/worklist/search", json={"text": "zzz"}).json()["items"] == []
    assert client.get(f"{API}/worklist", params={"q": "doe"}).status_code == 422
    assert client.get(f"{API}/worklist/counts").json() == {"waiting": 1, "reading": 0, "read": 0}
    del engine, uid


@pytest.mark.parametrize("sort", ["order", "patient", "probability"])
def test_pages_follow_each_other_by_cursor(program: Program, engine: Engine, sort: str) -> None:
    """Each study once, also when one arrives between two pages; the cursor holds no name."""
    for n in range(12):
        received(engine, study=f"9.{n}", received_at=utc_now() + timedelta(seconds=n))
    client = program()
    query: dict[str, object] = {"sort": sort, "limit": 5}
    found, pages = [], 0
    while True:
        page = client.get(f"{API}/worklist", params=query).json()
        found += [line["study_instance_uid"] for line in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
        if pages == 1:
            received(engine, study="1.1", received_at=utc_now() - timedelta(days=1))
    assert [uid for uid in found if uid != "1.1"] == [f"9.{n}" for n in range(12)]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("cursor", ["x", "AAAA", "WzFd", "bnVsbA", "_" * 256])
def test_a_cursor_that_is_none_is_refused(program: Program, engine: Engine, cursor: str) -> None:
    """So is one of a list in another order."""
    for n in range(3):
        received(engine, study=f"9.{n}", received_at=utc_now())
    client = program()
    assert client.get(f"{API}/worklist", params={"cursor": cursor}).status_code == 422
    ours = client.get(f"{API}/worklist", params={"limit": 1}).json()["next"]
    assert client.get(f"{API}/worklist", params={"cursor": ours, "sort": "patient"}).status_code == 422


def test_a_page_of_the_api_costs_four_queries_whatever_its_length(program: Program, engine: Engine) -> None:
    """Token, total and lines; the first request also writes down that the token was used."""
    client = program()
    client.get(f"{API}/me")
    numbers = []
    for _ in range(2):
        with counted(engine) as statements:
            assert client.get(f"{API}/worklist").status_code == 200
        numbers.append(len(statements))
        for n in range(40):
            received(engine, study=f"9.{n}", received_at=utc_now())
    assert numbers[0] == numbers[1] <= 4


def test_a_study_has_images_reports_history_and_its_story(program: Program, engine: Engine, uid: str) -> None:
    """The story is the one that `cxr-triage why` prints."""
    result_id = add_result(engine, uid)
    report_id = keep_report(engine, result_id)
    client, url = program(), study_url(engine, uid)
    shown = client.get(url).json()
    assert [image["is_analysed"] for image in shown["images"]] == [True]
    assert client.get(shown["images"][0]["png"]).headers["content-type"] == "image/png"
    assert client.get(f"{url}/heat/{result_id}").content.startswith(b"\x89PNG")
    assert [one["id"] for one in client.get(f"{url}/results").json()] == [result_id]
    assert [one["id"] for one in shown["reports"]] == [report_id]
    assert client.get(shown["reports"][0]["file"]).content == REPORT
    told = client.get(f"{url}/timeline").json()
    study = studies.find(engine, uid)
    assert study is not None
    story = story_of(engine, study, client.app.state.desk.settings, utc_now())  # type: ignore[attr-defined]
    kinds = [event["kind"] for event in told["events"]]
    assert kinds == [event["kind"] for event in story["events"]]
    assert told["events"][0]["what"] == story["events"][0]["what"]


REPORT = b"not a DICOM file"


def keep_report(engine: Engine, result_id: int, content: bytes = REPORT) -> int:
    """Keep a report of a result; gives its id."""
    made = Report(
        result_id=result_id,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
        sop_instance_uid="2.25.1",
        series_instance_uid="2.25.2",
        content=content,
        created_at=utc_now(),
    )
    return reports.keep_report(engine, made).id


def a_report() -> bytes:
    """Make a report of four content items, one of them with markup."""

    def item(meaning: str, text: str = "") -> Dataset:
        made, name = Dataset(), Dataset()
        name.CodeMeaning = meaning
        made.ConceptNameCodeSequence, made.RelationshipType = [name], "CONTAINS"
        made.ValueType = "TEXT" if text else "CONTAINER"
        if text:
            made.TextValue = text
        return made

    root, inner = item("Report"), item("Findings")
    inner.ContentSequence = [item("Finding", HOSTILE)]
    root.ContentSequence = [inner, item("Comment", "last")]
    root.file_meta = FileMetaDataset()
    root.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    root.SOPClassUID, root.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.34", "2.25.1"
    file = io.BytesIO()
    root.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_a_report_is_a_tree(program: Program, engine: Engine, uid: str) -> None:
    """Nested as its content items are."""
    report_id = keep_report(engine, add_result(engine, uid), a_report())
    tree = program().get(f"{study_url(engine, uid)}/reports/{report_id}").json()
    assert [child["name"] for child in tree["children"]] == ["Findings", "Comment"]
    assert tree["children"][0]["children"][0]["value"] == HOSTILE


def test_a_study_is_claimed_by_one_program_or_reader(
    program: Program, engine: Engine, uid: str, sign_in: SignIn
) -> None:
    """The page and the API see the same claim; an admin's token releases what somebody holds, a reader's does not."""
    url = study_url(engine, uid)
    anna, ben = program("anna"), program("ben")
    assert anna.post(f"{url}/claim").json()["reader"] == "anna"
    refused = ben.post(f"{url}/claim")
    assert (refused.status_code, refused.json()["detail"]) == (409, "anna is reading this study.")
    page = sign_in("ben").post(f"/study/{row(engine, uid).entry.token}/take")
    assert page.status_code == 409
    assert program("chief", Role.READER).post(f"{url}/release").status_code == 409
    assert program("chief", Role.ADMIN).post(f"{url}/release").json()["reading_state"] == "WAITING"
    assert ben.post(f"{url}/finish").json()["reading_state"] == "READ"


def test_feedback_by_program_is_kept_as_by_key(program: Program, engine: Engine, uid: str) -> None:
    """About a result of this study only, under the account's name."""
    result_id = add_result(engine, uid)
    client, url = program(), study_url(engine, uid)
    said = {"verdict": "disagree", "finding": "normal", "note": HOSTILE}
    answer = client.post(f"{url}/feedback", json={**said, "result_id": result_id})
    assert (answer.status_code, answer.json()[0]["by"]) == (201, "anna")
    assert client.post(f"{url}/feedback", json={**said, "result_id": 999}).status_code == 404
    (opinion,) = feedback.of_study(engine, row(engine, uid).study.id)
    assert (opinion.result_id, opinion.note) == (result_id, HOSTILE)
    assert client.get(f"{url}/feedback").json() == answer.json()


def test_every_look_and_change_is_on_record(program: Program, engine: Engine, uid: str) -> None:
    """Who, by which token, at what."""
    add_result(engine, uid)
    client, url = program(), study_url(engine, uid)
    token_id = client.get(f"{API}/me").json()["token_id"]
    parts = {"": "study", "/results": "results", "/timeline": "timeline", "/feedback": "feedback"}
    for path in parts:
        assert client.get(url + path).status_code == 200
    assert client.post(f"{url}/claim").status_code == 200
    found = [event for event, about in worklist.audit(engine, None) if about == uid]
    assert [event.detail.get("part") for event in found] == [*parts.values(), None]
    assert {event.detail["by"] for event in found} == {"anna"}
    assert {event.detail.get("token") for event in found[:-1]} == {token_id}


def test_deliveries_are_listed_by_cursor_and_sent_again(program: Program, engine: Engine, uid: str) -> None:
    """By an admin; with who asked on record."""
    result_id = add_result(engine, uid)
    ids = [add_delivery(engine, result_id, f"pacs{n}", DeliveryState.FAILED) for n in range(5)]
    client = program("chief", Role.ADMIN)
    first = client.get(f"{API}/deliveries", params={"limit": 3}).json()
    second = client.get(f"{API}/deliveries", params={"limit": 3, "cursor": first["next"]}).json()
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    again = client.post(f"{API}/deliveries/{ids[0]}/resend").json()
    assert (again["state"], again["attempts"]) == ("PENDING", 0)
    assert client.get(f"{API}/deliveries", params={"state": "PENDING"}).json()["items"] == [again]
    sending = add_delivery(engine, result_id, "busy", DeliveryState.SENDING)
    assert client.post(f"{API}/deliveries/{sending}/resend").status_code == 409
    assert client.post(f"{API}/deliveries/999/resend").status_code == 404
    resent = [
        event.detail for event in events.of_study(engine, row(engine, uid).study.id) if event.kind == "delivery_resend"
    ]
    assert resent == [{"delivery_id": ids[0], "by": "chief"}]


def test_what_failed_is_listed_and_tried_again(program: Program, engine: Engine, uid: str) -> None:
    """As by `cxr-triage failed`: by study or all; a study of which nothing failed is refused, and nothing moves."""
    failed = add_delivery(engine, add_result(engine, uid), "pacs", DeliveryState.FAILED)
    client = program("chief", Role.ADMIN)
    assert [(one["what"], one["id"]) for one in client.get(f"{API}/failures").json()] == [("delivery", failed)]
    assert client.post(f"{API}/failures/retry", json={"studies": ["9.9", uid]}).status_code == 404
    assert client.post(f"{API}/failures/retry", json={}).status_code == 422
    tried = client.post(f"{API}/failures/retry", json={"studies": [uid]}).json()["tried_again"]
    assert [one["id"] for one in tried] == [failed]
    assert deliveries.of_result(engine, row(engine, uid).entry.result_id or 0)[0].state is DeliveryState.PENDING
    assert client.get(f"{API}/failures").json() == []


def test_the_service_says_what_the_command_says(program: Program, engine: Engine, uid: str) -> None:
    """The answer is that of the function which the command calls."""
    assert program().get(f"{API}/service").json()["studies"]["RECEIVING"] == 1
    del engine, uid


def test_errors_are_problem_details_and_repeat_nothing(program: Program, stranger: TestClient) -> None:
    """Neither a value nor a name that was sent."""
    client = program()
    for answer in (
        client.get(f"{API}/worklist", params={"sort": "Doe^Jane"}),
        client.get(f"{API}/worklist", params={"DoeJane": "1"}),
        client.post(f"{API}/worklist/search", json={"text": "Doe" * 30, "DoeJane": 1}),
        client.get(f"{API}/studies/DoeJane"),
        client.get(f"{API}/nothing"),
        client.put(f"{API}/worklist"),
        stranger.get(f"{API}/worklist"),
        stranger.get("/openapi.json"),
    ):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code >= 400
        assert "Doe" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_docs_are_a_page_without_scripts_of_others(sign_in: SignIn, program: Program) -> None:
    """Every operation and every model of the document is on it."""
    page = sign_in("anna").get("/docs").text
    document = program().get("/openapi.json").json()
    assert [path for path in document["paths"] if path not in page] == []
    assert [name for name in document["components"]["schemas"] if f"<b>{name}</b>" not in page] == []
    assert "http://" not in page.replace("http://127", "")
    assert "https://" not in page


def test_nothing_of_a_patient_is_in_an_address_or_a_log(
    program: Program, engine: Engine, uid: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in what the API links to, nor in cursors, nor in what is logged, nor in events."""
    add_result(engine, uid)
    client, url = program(), study_url(engine, uid)
    shown = client.get(url).json()
    links = json.dumps([shown["images"], shown["reports"], shown["viewer_url"]])
    client.post(f"{API}/worklist/search", json={"text": "Doe", "sort": "patient"})
    kept = json.dumps([event.detail for event, _ in worklist.audit(engine, None)])
    out = capfd.readouterr()
    for text in (links, kept, out.out, out.err):
        assert "Doe" not in text
        assert "ID1" not in text
