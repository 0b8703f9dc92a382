"""Who may call what: every operation of the OpenAPI document, by everybody."""

from collections.abc import Iterator
from datetime import timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from db import api_tokens, worklist
from domain.clock import utc_now
from domain.reading import Role
from tests.integration.worklist.conftest import Program, SignIn
from worklist.api_docs import openapi
from worklist.rate_limit import RequestLimit, SignInLimit

#: Answers to who may call: nothing is there, or nothing was said.
_LET_IN = {200, 204, 400, 404, 422}


def operations() -> Iterator[tuple[str, str, bool]]:
    """Give method, path with ids that name nothing, and whether it is for admins."""
    for path, methods in openapi()["paths"].items():
        filled = path.replace("{token}", "0" * 32).replace("{sop_instance_uid}", "1.2.3")
        for name in ("report_id", "instance_id", "result_id", "delivery_id"):
            filled = filled.replace("{" + name + "}", "1")
        for method, operation in methods.items():
            yield method.upper(), filled, "role admin" in operation["description"]


OPERATIONS = list(operations())


def with_token(app: FastAPI, token: str) -> TestClient:
    """Give a program."""
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


def test_the_matrix_covers_what_there_is() -> None:
    """Changes and reads, for admins and readers."""
    assert len(OPERATIONS) >= 20
    assert {method for method, _, _ in OPERATIONS} >= {"GET", "POST"}
    assert {is_admin for _, _, is_admin in OPERATIONS} == {True, False}


def test_each_operation_lets_in_whom_it_should(app: FastAPI, engine: Engine, program: Program, sign_in: SignIn) -> None:
    """Nobody, who is past, or who was never known: 401. A reader where an admin is needed: 403."""
    now = utc_now()
    app.state.sign_in_limit = SignInLimit(100_000)
    expired, _ = api_tokens.make(engine, "chief", Role.ADMIN, "", now - timedelta(days=2), timedelta(days=1))
    revoked, row = api_tokens.make(engine, "chief", Role.ADMIN, "", now, timedelta(days=1))
    api_tokens.revoke(engine, row.id, now)
    strangers = [TestClient(app), *(with_token(app, token) for token in (expired, revoked, "cxr_x", ""))]
    readers = [program("anna"), program("chief", Role.READER), sign_in("anna")]
    admins = [program("chief", Role.ADMIN), sign_in("chief")]
    for method, path, is_admin in OPERATIONS:
        answers = [client.request(method, path) for client in strangers]
        assert [(one.status_code, one.headers["www-authenticate"]) for one in answers] == [(401, "Bearer")] * 5, path
        for client in readers:
            status = client.request(method, path).status_code
            assert status == 403 if is_admin else status in _LET_IN, (method, path, status)
        for client in admins:
            assert client.request(method, path).status_code in _LET_IN, (method, path)


def test_a_session_needs_the_form_token_for_a_change_and_a_token_does_not(sign_in: SignIn, program: Program) -> None:
    """A browser sends cookies wherever a page of another site makes it; it never makes up a token."""
    path = f"/api/v1/studies/{'0' * 32}/claim"
    browser = sign_in("anna")
    assert browser.post(path).status_code == 404
    assert browser.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    del browser.headers["X-Form-Token"]
    assert browser.post(path).status_code == 403
    assert program().post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 404


def test_guessing_tokens_is_slow_and_on_record(app: FastAPI, engine: Engine, program: Program) -> None:
    """As signing in is: after so many from an address none is let in, good or not; what was sent is kept nowhere."""
    good = program()
    for n in range(10):
        assert with_token(app, f"guess{n}").get("/api/v1/me").status_code == 401
    refused = good.get("/api/v1/me")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    found = [event.detail for event, _ in worklist.audit(engine, None) if event.kind == "sign_in_refused"]
    assert found == [{"address": "testclient"}] * 10


def test_a_program_that_asks_too_often_is_told_to_wait(app: FastAPI, program: Program) -> None:
    """By account, whatever number of tokens it has."""
    app.state.request_limit = RequestLimit(3)
    answers = [program("anna").get("/api/v1/me").status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]
    assert program("ben").get("/api/v1/me").status_code == 200
