"""docs/api.md: each of its curl lines, run against the application."""

import json
import re
import shlex
from pathlib import Path
from string import Template

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from db import workitems
from db.workitems import NewWorkitem
from dicom_gateway.instance_store import InstanceStore
from domain.clock import utc_now
from domain.priority import ReadingPriority
from domain.reading import Role
from domain.study import DeliveryState
from tests.integration.worklist.conftest import Program
from tests.integration.worklist.test_api import a_report, add_delivery, keep_report
from tests.integration.worklist.test_api_access import OPERATIONS
from tests.integration.worklist.test_pages import add_result, add_study, row
from tests.integration.worklist.test_ups_rs import ATTRIBUTES

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
LINES = re.findall(r"`(curl [^`]+)`", PAGE)


def sent(line: str, values: dict[str, str]) -> tuple[str, str, dict[str, str], str | None]:
    """Read a curl line as a shell and curl do: method, URL, headers, body."""
    words = shlex.split(line)[1:]
    method, url, headers, body = "GET", "", {}, None
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = Template(words.pop(0)).substitute(values).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0)
        elif word == "-o":
            words.pop(0)
        else:
            url = Template(word).substitute(values)
    return method, url, headers, body


@pytest.fixture
def values(engine: Engine, store: InstanceStore, tmp_path: Path, program: Program) -> dict[str, str]:
    """What the lines name, of a study that has everything."""
    uid = add_study(engine, store, tmp_path)
    result_id = add_result(engine, uid)
    workitems.add(
        engine, NewWorkitem("2.25.9", result_id, ReadingPriority.HIGH, utc_now(), json.dumps(ATTRIBUTES)), utc_now()
    )
    found = row(engine, uid)
    image = found.result.analysed_instance_id if found.result else None

    def token(client: TestClient) -> str:
        return client.headers["Authorization"].removeprefix("Bearer ")

    return {
        "URL": "http://testserver",
        "TOKEN": token(program("anna")),
        "ADMIN": token(program("chief", Role.ADMIN)),
        "STUDY": found.entry.token,
        "UID": uid,
        "REPORT": str(keep_report(engine, result_id, a_report())),
        "RESULT": str(result_id),
        "IMAGE": str(image),
        "DELIVERY": str(add_delivery(engine, result_id, "pacs", DeliveryState.FAILED)),
        "WORKITEM": "2.25.9",
    }


def test_every_line_of_the_docs_works(app: object, values: dict[str, str]) -> None:
    """In the order of the page, each with an answer that is no error."""
    client = TestClient(app)  # type: ignore[arg-type]
    assert len(LINES) > 25
    for line in LINES:
        method, url, headers, body = sent(line, values)
        if url.endswith(("/failures/retry", "/state")):
            continue  # what they need was changed by the lines before; below
        answer = client.request(method, url, headers=headers, content=body)
        assert answer.status_code in {200, 201, 204}, (line, answer.text)


def test_a_claim_and_a_retry_as_the_docs_have_them(app: object, values: dict[str, str]) -> None:
    """Before anything else was done with the study."""
    client = TestClient(app)  # type: ignore[arg-type]
    chosen = [line for line in LINES if "/failures/retry" in line or "/state" in line]
    assert len(chosen) == 2
    for line in chosen:
        method, url, headers, body = sent(line, values)
        answer = client.request(method, url, headers=headers, content=body)
        assert answer.status_code == 200, (line, answer.text)


def test_the_docs_have_an_example_of_each_operation_but_three() -> None:
    """Update and cancellation of a workitem, and the second search of FHIR, are like others."""
    requests = [sent(line, dict.fromkeys(NAMES, "1"))[:2] for line in LINES]
    shown = {(method, _shape(url)) for method, url in requests}
    there = {(method, _shape(path)) for method, path, _ in OPERATIONS}
    assert there - shown == {("POST", "/workitems/*"), ("POST", "/workitems/*/cancelrequest"), ("GET", "/fhir/Task")}


NAMES = ("URL", "TOKEN", "ADMIN", "STUDY", "UID", "REPORT", "RESULT", "IMAGE", "DELIVERY", "WORKITEM")


def _shape(url: str) -> str:
    path = "/" + url.partition("?")[0].partition("/")[2]
    return re.sub(r"/(?:[0-9.]+)(?=/|$)", "/*", path)
