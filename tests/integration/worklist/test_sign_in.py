from datetime import timedelta

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from db import accounts, worklist
from domain.clock import utc_now
from tests.integration.worklist.conftest import PASSWORD, SignIn, try_to_sign_in
from worklist import images, list_page, quality_page, service_page, study_page
from worklist import sign_in as sign_in_routes


def test_nobody_sees_or_changes_anything_before_signing_in(stranger: TestClient) -> None:
    """Every route but the form and the link leads to the form, or refuses."""
    routes = [
        route
        for part in (images, list_page, quality_page, service_page, sign_in_routes, study_page)
        for route in part.router.routes
    ]
    closed = [
        route for route in routes if isinstance(route, APIRoute) and route.path not in {"/sign-in", "/link/{token}"}
    ]
    assert len(closed) > 10
    for route in closed:
        path = route.path.replace("{token}", "0" * 32)
        for name in ("instance_id", "result_id", "report_id"):
            path = path.replace("{" + name + "}", "1")
        if "GET" in route.methods:
            answer = stranger.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in?next_page="), path
        else:
            assert (
                stranger.post(path, data={"result_id": "1", "verdict": "agree", "theme": "dark"}).status_code == 401
            ), path


def test_a_wrong_password_and_a_wrong_name_are_told_alike(stranger: TestClient) -> None:
    """Nobody learns which names exist."""
    wrong = try_to_sign_in(stranger, "anna", "not her password")
    unknown = try_to_sign_in(stranger, "nobody", PASSWORD)
    assert wrong.status_code == unknown.status_code == 401
    assert "is not right" in wrong.text
    assert wrong.text == unknown.text


def test_too_many_attempts_are_refused_even_with_the_right_password(stranger: TestClient, engine: Engine) -> None:
    """Guessing is slow; what was refused is on record, without what was typed."""
    for _ in range(10):
        assert try_to_sign_in(stranger, "anna", "guess").status_code == 401
    assert try_to_sign_in(stranger, "anna", PASSWORD).status_code == 429
    found = [(event.kind, event.detail) for event, _ in worklist.audit(engine, None)]
    assert found.count(("sign_in_refused", {"address": "testclient"})) == 11


def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(stranger: TestClient) -> None:
    """HttpOnly and SameSite; Secure with TLS is tested with the settings that have it."""
    cookie = try_to_sign_in(stranger, "anna", PASSWORD).headers["set-cookie"]
    assert cookie.startswith("cxr-session=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", ""])
def test_signing_in_leads_to_no_other_site(stranger: TestClient, target: str) -> None:
    """Whatever the address asks for."""
    answer = try_to_sign_in(stranger, "anna", PASSWORD, next_page=target)
    assert answer.headers["location"] == "/"


def test_a_change_needs_the_token_of_a_page_of_ours(sign_in: SignIn) -> None:
    """A form on another site has none, and a browser says that it is another site."""
    browser = sign_in("anna")
    assert browser.post("/theme", data={"theme": "light"}, headers={"X-Form-Token": "x"}).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert browser.post("/theme", data={"theme": "light"}, headers=foreign).status_code == 403
    other = {"Origin": "https://evil.example"}
    assert browser.post("/theme", data={"theme": "light"}, headers=other).status_code == 403
    assert browser.post("/theme", data={"theme": "light"}).status_code == 303


def test_signing_out_ends_the_session(sign_in: SignIn) -> None:
    """Also for who kept the cookie."""
    browser = sign_in("anna")
    kept = dict(browser.cookies)
    assert browser.post("/sign-out").status_code == 303
    browser.cookies.update(kept)
    assert browser.get("/").status_code == 303


def test_a_link_signs_in_once(stranger: TestClient, engine: Engine) -> None:
    """One click from the terminal to the list; the second leads to the form."""
    link = accounts.make_link(engine, "chief", utc_now(), timedelta(minutes=1))
    assert stranger.get(f"/link/{link}").headers["location"] == "/"
    assert stranger.get("/").status_code == 200
    stranger.cookies.clear()
    assert stranger.get(f"/link/{link}").status_code == 401


def test_every_answer_says_what_a_browser_may_do_with_it(stranger: TestClient) -> None:
    """No script but ours, no frame, no cache; also where something went wrong."""
    for path in ("/sign-in", "/nothing", "/", "/static/keys.js"):
        headers = stranger.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
