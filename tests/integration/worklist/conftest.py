"""The real application on a real database and a real instance store, called as a browser calls it."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from admin.page_desk import desk_of
from config.load import load_settings
from config.settings import Settings
from config.worklist import WorklistSettings
from db import accounts, api_tokens
from db.session import make_engine
from dicom_gateway.instance_store import InstanceStore
from domain.clock import utc_now
from domain.reading import Role
from worklist.app import make_app

PASSWORD = "correct horse battery"  # noqa: S105 - of a test's account


@pytest.fixture(scope="session")
def password_hash() -> str:
    """What is kept of PASSWORD, made with little work: a hash says itself how it is verified."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@pytest.fixture
def engine(migrated_url: str, password_hash: str) -> Iterator[Engine]:
    """The database, migrated, with two readers and an admin."""
    made = make_engine(migrated_url)
    for name, role in (("anna", Role.READER), ("ben", Role.READER), ("chief", Role.ADMIN)):
        accounts.add(made, name, password_hash, role, utc_now())
    yield made
    made.dispose()


@pytest.fixture
def service(migrated_url: str, tmp_path: Path) -> Settings:
    """The defaults, of a service on this database and a folder of its own."""
    return load_settings(None, {"service": {"data_dir": tmp_path}, "database": {"url": migrated_url}})


@pytest.fixture
def settings(service: Settings) -> WorklistSettings:
    """The pages' own."""
    return service.worklist


@pytest.fixture
def store(tmp_path: Path) -> InstanceStore:
    """An empty store."""
    return InstanceStore(tmp_path)


@pytest.fixture
def app(engine: Engine, store: InstanceStore, settings: WorklistSettings, service: Settings) -> Iterator[FastAPI]:
    """The application; its threads do not run, so that tests do what they would."""
    made = make_app(engine, store, settings, desk_of(service))
    yield made
    made.state.renderer.stop()


SignIn = Callable[[str], TestClient]


@pytest.fixture
def stranger(app: FastAPI) -> TestClient:
    """A browser that nobody has signed in with; it follows no redirect."""
    return TestClient(app, follow_redirects=False, headers={"Accept": "text/html"})


@pytest.fixture
def sign_in(app: FastAPI) -> SignIn:
    """Sign in as somebody; every change then bears the form token, as on a page."""

    def browser(name: str) -> TestClient:
        client = TestClient(app, follow_redirects=False, headers={"Accept": "text/html"})
        answer = try_to_sign_in(client, name, PASSWORD)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        client.headers["X-Form-Token"] = form_token(client.get("/").text)
        return client

    return browser


Program = Callable[..., TestClient]


@pytest.fixture
def program(app: FastAPI, engine: Engine) -> Program:
    """A program with a token of somebody, good for a day."""

    def made(name: str = "anna", role: Role = Role.READER) -> TestClient:
        token, _ = api_tokens.make(engine, name, role, "test", utc_now(), timedelta(days=1))
        return TestClient(app, follow_redirects=False, headers={"Authorization": f"Bearer {token}"})

    return made


def try_to_sign_in(client: TestClient, name: str, password: str, **fields: str):  # noqa: ANN201 - httpx's response
    """Fill in the form and send it."""
    token = re.search(r'name="token" value="([^"]+)"', client.get("/sign-in").text)
    assert token
    return client.post("/sign-in", data={"token": token[1], "name": name, "password": password, **fields})


def form_token(page: str) -> str:
    """Give the token that a page's forms send."""
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found
    return found[1]
