"""A header is hostile input, and what a page says of a patient stays on the page."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update
from structlog.testing import capture_logs

from admin.page_desk import desk_of
from config.load import load_settings
from config.settings import Settings
from db import worklist
from db.session import transaction
from db.worklist_tables import WorklistEntry
from dicom_gateway.instance_store import InstanceStore
from tests.integration.worklist.conftest import PASSWORD, SignIn, try_to_sign_in
from tests.integration.worklist.test_api import a_report, keep_report
from tests.integration.worklist.test_pages import add_result, add_study, row
from worklist.app import make_app

#: What the page shows of a header.
FIELDS = ("patient_name", "patient_id", "birth_date", "sex", "study_moment", "accession_number", "study_description")


@pytest.fixture
def uid(engine: Engine, store: InstanceStore, tmp_path: Path) -> str:
    """A flagged study."""
    made = add_study(engine, store, tmp_path)
    add_result(engine, made)
    return made


@pytest.mark.parametrize("field", FIELDS)
def test_markup_in_any_field_of_a_header_is_text(sign_in: SignIn, engine: Engine, uid: str, field: str) -> None:
    """On the list and on the study's page; a date that is none does not keep the page from being shown."""
    with transaction(engine) as session:
        session.execute(update(WorklistEntry).values({field: '<b x="'}))
    browser = sign_in("anna")
    for path in ("/", f"/study/{row(engine, uid).entry.token}"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "<b x" not in answer.text


def test_no_address_and_no_log_names_a_patient(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Addresses end up in histories and proxies' logs: they hold random tokens alone, and so do our own lines."""
    entry = row(engine, uid).entry
    secrets = {text for text in (entry.patient_name, entry.patient_id, entry.accession_number) if text} | {"Doe", uid}
    with capture_logs() as logs:
        browser = sign_in("anna")
        study = f"/study/{entry.token}"
        pages = [browser.get("/").text, browser.get(study).text]
        browser.post(f"{study}/take")
    addresses = [found for page in pages for found in re.findall(r'(?:href|src|action|data-[a-z-]+)="(/[^"]*)"', page)]
    assert len(addresses) > 10
    assert not [one for one in addresses for secret in secrets if secret in one]
    assert not [secret for secret in secrets - {uid} if secret in str(logs)]


def test_every_kind_of_answer_has_the_policy(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """Pages, images, refusals and mistakes alike."""
    browser = sign_in("anna")
    study = f"/study/{row(engine, uid).entry.token}"
    image = re.search(r'data-image="([^"]+)"', browser.get(study).text)
    assert image
    answers = [browser.get(path) for path in ("/", study, image[1], "/nothing", "/?page=x", "/static/page.css")]
    answers += [browser.post("/theme", data={}), browser.post("/theme", headers={"X-Form-Token": "x"})]
    assert {answer.status_code for answer in answers} >= {200, 403, 404, 422}
    for answer in answers:
        assert "script-src 'self'" in answer.headers["content-security-policy"], answer.url
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_reading_a_report_is_on_record(sign_in: SignIn, engine: Engine, uid: str) -> None:
    """On the page as well as by downloading it; one that is not there is nobody's look."""
    found = row(engine, uid)
    assert found.result is not None
    report = f"/study/{found.entry.token}/report/{keep_report(engine, found.result.id, a_report())}"
    browser = sign_in("anna")
    assert [browser.get(path).status_code for path in (report, f"{report}/file", f"{report}9")] == [200, 200, 404]
    noted = [(event.kind, event.detail) for event, about in worklist.audit(engine, None) if about == uid]
    assert noted == [
        ("study_viewed", {"by": "anna", "part": "report"}),
        ("report_downloaded", {"by": "anna", "sop_instance_uid": "2.25.1"}),
    ]


def test_by_tls_cookies_are_secure_and_kept_to_this_host(
    engine: Engine, store: InstanceStore, service: Settings
) -> None:
    """And browsers are told to use nothing else from then on."""
    settings = load_settings(None, {"worklist": {"trusted_proxies": ["192.0.2.1"]}}).worklist
    app = make_app(engine, store, settings, desk_of(service))
    browser = TestClient(app, base_url="https://worklist.example", follow_redirects=False)
    answer = try_to_sign_in(browser, "anna", PASSWORD)
    app.state.renderer.stop()
    assert answer.status_code == 303
    cookies = answer.headers.get_list("set-cookie")
    assert any(cookie.startswith("__Host-cxr-session=") for cookie in cookies)
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; ")), cookie
        assert "samesite=lax" in cookie.lower()
        assert "domain" not in cookie.lower()
    assert answer.headers["strict-transport-security"].startswith("max-age=")
