"""Signing in by OpenID Connect, with a provider that really signs, over real HTTP."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import Engine
from structlog.testing import capture_logs

from config.load import load_settings
from config.worklist import WorklistSettings
from db import accounts, worklist
from domain.clock import utc_now
from domain.errors import ConfigurationInvalid
from domain.reading import Role
from tests.integration.worklist.conftest import PASSWORD, try_to_sign_in
from tests.integration.worklist.openid_provider import CLIENT, SECRET, OpenIdProvider

CALLBACK = "http://127.0.0.1/oidc/callback"


@pytest.fixture
def migrated_url(migrated_sqlite_url: str) -> str:
    """SQLite alone: the accounts' SQL has tests of its own, on both databases."""
    return migrated_sqlite_url


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    """A provider that runs."""
    with OpenIdProvider() as running:
        yield running


@pytest.fixture
def settings(provider: OpenIdProvider) -> WorklistSettings:
    """The defaults, with the provider."""
    return worklist_with(provider.issuer)


def worklist_with(issuer: str, **changes: object) -> WorklistSettings:
    """Give settings with a provider."""
    oidc = {
        "issuer": issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_url": CALLBACK,
        "reader_values": ["radiology"],
        "admin_values": ["pacs-admins"],
        **changes,
    }
    return load_settings(None, {"worklist": {"oidc": oidc}}).worklist


def come_back(browser: TestClient, provider: OpenIdProvider, **changes: str) -> httpx.Response:
    """Go there and come back, with `changes` to what the browser comes back with."""
    there = browser.get("/oidc/start", params={"next_page": "/?sort=patient"})
    assert there.status_code == 303
    assert there.headers["location"].startswith(f"{provider.issuer}/authorization?")
    return browser.get("/oidc/callback", params=provider.let_in(there.headers["location"]) | changes)


def test_whom_the_provider_vouches_for_is_signed_in(
    stranger: TestClient, provider: OpenIdProvider, engine: Engine
) -> None:
    """Under the name and the role of the claims, to the page that was wanted; it is on record."""
    answer = come_back(stranger, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?sort=patient")
    assert "clara" in stranger.get("/").text
    account = accounts.find(engine, "clara")
    assert account is not None
    assert account.role is Role.READER
    assert "signed_in" in [event.kind for event, _ in worklist.audit(engine, None)]
    assert try_to_sign_in(stranger, "clara", "").status_code in {401, 422}


def test_the_role_is_that_of_each_time(stranger: TestClient, provider: OpenIdProvider, engine: Engine) -> None:
    """The account is the same, also under another name; who is taken out of the group is out."""
    come_back(stranger, provider)
    provider.claims = {"groups": "pacs-admins", "preferred_username": "renamed"}
    come_back(stranger, provider)
    account = accounts.find(engine, "clara")
    assert account is not None
    assert account.role is Role.ADMIN
    assert accounts.find(engine, "renamed") is None
    provider.claims = {"groups": []}
    assert come_back(stranger, provider).status_code == 403


Lie = Callable[[OpenIdProvider], None]


def _claims(**claims: object) -> Lie:
    def lie(provider: OpenIdProvider) -> None:
        provider.claims = claims

    return lie


def _other_key(provider: OpenIdProvider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "of-now"})


def _secret_as_key(provider: OpenIdProvider) -> None:
    provider.signs_with, provider.algorithm = OctKey.import_key(SECRET), "HS256"  # type: ignore[assignment]


@pytest.mark.parametrize(
    "lie",
    [
        _claims(nonce="another"),
        _claims(nonce=None),
        _claims(exp=int(time.time()) - 3600),
        _claims(exp=None),
        _claims(aud="another-client"),
        _claims(aud=[CLIENT, "another-client"]),
        _claims(aud=None),
        _claims(iss="https://evil.example"),
        _claims(sub=None),
        _claims(azp="another-client"),
        _claims(groups=["staff"]),
        _claims(groups=None),
        _claims(groups={"radiology": True}),
        _claims(preferred_username=None),
        _claims(preferred_username="x" * 65),
        _claims(preferred_username="anna"),
        _other_key,
        _secret_as_key,
    ],
    ids=[
        "wrong nonce",
        "no nonce",
        "expired",
        "no expiry",
        "wrong audience",
        "audience of two without azp",
        "no audience",
        "wrong issuer",
        "no subject",
        "issued to another",
        "no role",
        "no groups",
        "groups of another kind",
        "no name",
        "long name",
        "name of a local account",
        "another key",
        "the client secret as key",
    ],
)
def test_a_token_that_is_not_right_signs_nobody_in(
    stranger: TestClient, provider: OpenIdProvider, engine: Engine, lie: Lie
) -> None:
    """403 in words, on record, and no session; neither token nor name is logged."""
    lie(provider)
    with capture_logs() as logs:
        answer = come_back(stranger, provider)
    assert answer.status_code == 403
    assert "Not signed in." in answer.text
    assert stranger.get("/").status_code == 303
    assert len(accounts.listed(engine)) == 3
    assert "eyJ" not in str(logs)
    assert [event.kind for event, _ in worklist.audit(engine, None)].count("sign_in_refused") == 1


def test_an_answer_belongs_to_the_browser_that_asked(
    stranger: TestClient, provider: OpenIdProvider, app: object
) -> None:
    """A foreign state, a second use, another browser and a refusal of the provider sign nobody in."""
    assert come_back(stranger, provider, state="another").status_code == 403
    there = stranger.get("/oidc/start").headers["location"]
    back = provider.let_in(there)
    other = TestClient(app, follow_redirects=False, headers={"Accept": "text/html"})  # type: ignore[arg-type]
    assert other.get("/oidc/callback", params=back).status_code == 403
    assert stranger.get("/oidc/callback", params=back).status_code == 303
    assert stranger.get("/oidc/callback", params=back).status_code == 403
    there = stranger.get("/oidc/start").headers["location"]
    denied = {"error": "access_denied", "state": provider.let_in(there)["state"]}
    assert stranger.get("/oidc/callback", params=denied).status_code == 403


def test_a_disabled_account_stays_out(stranger: TestClient, provider: OpenIdProvider, engine: Engine) -> None:
    """Whatever the provider says."""
    come_back(stranger, provider)
    accounts.disable(engine, "clara", utc_now())
    assert stranger.get("/").status_code == 303
    assert come_back(stranger, provider).status_code == 403


def test_signing_in_so_leads_to_no_other_site(stranger: TestClient, provider: OpenIdProvider) -> None:
    """Whatever the address asks for."""
    there = stranger.get("/oidc/start", params={"next_page": "//evil.example"}).headers["location"]
    answer = stranger.get("/oidc/callback", params=provider.let_in(there))
    assert answer.headers["location"] == "/"


def test_passwords_still_work_and_the_form_offers_both(stranger: TestClient) -> None:
    """Also when the provider is away."""
    assert "/oidc/start" in stranger.get("/sign-in").text
    assert try_to_sign_in(stranger, "anna", PASSWORD).status_code == 303


def test_a_provider_that_is_away_or_another_is_told(stranger: TestClient, provider: OpenIdProvider) -> None:
    """503, and the form for a password."""
    provider.changes = lambda metadata: metadata | {"issuer": "https://another.example"}
    answer = stranger.get("/oidc/start")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "http://login.example"}, "https://"),
        ({"redirect_url": "http://worklist.example/oidc/callback"}, "https://"),
        ({"redirect_url": "https://worklist.example/"}, "/oidc/callback"),
        ({"reader_values": [], "admin_values": []}, "nobody could sign in"),
        ({"client_id": ""}, "issuer needs client_id"),
        ({"scopes": ["profile"]}, "openid"),
    ],
)
def test_settings_that_cannot_be_safe_are_refused(changes: dict[str, object], words: str) -> None:
    """Before anybody tries to sign in."""
    with pytest.raises(ConfigurationInvalid, match=words):
        worklist_with(**({"issuer": "https://login.example"} | changes))  # type: ignore[arg-type]


def test_it_is_off_as_delivered() -> None:
    """No address of it answers but with 404."""
    assert not load_settings().worklist.oidc.is_on
