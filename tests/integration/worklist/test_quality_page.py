import json
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from config.settings import Settings
from db import accounts, feedback, results, studies
from db.session import transaction
from db.tables import Result
from domain.clock import utc_now
from domain.distribution import Reference
from domain.finding import Assessment, Refusal, RefusalCode
from domain.reading import Verdict
from model.classifier import packaged_weights
from model.versions import DEFAULT_VERSION
from tests.integration.db.builders import LATER, LEASE, claimed, received, suspected
from tests.integration.db.test_worklist import counted
from tests.integration.worklist.conftest import SignIn
from worklist.quality import LEAST_FOR_ALARM, spread_of


@pytest.fixture
def service(service: Settings, tmp_path: Path) -> Settings:
    """The defaults, with a version whose card says that most probabilities are low."""
    root = tmp_path / "weights"
    folder = root / DEFAULT_VERSION
    folder.mkdir(parents=True)
    shutil.copy(packaged_weights() / DEFAULT_VERSION / "card.json", folder)
    card = json.loads((folder / "card.json").read_text())
    card["reference"] = {"data_set": "a test", "normal": [90] + [1] * 9, "pneumonia": [1] * 10}
    (folder / "card.json").write_text(json.dumps(card))
    model = service.model.model_copy(update={"weights_dir": str(root)})
    return service.model_copy(update={"model": model})


def answer(engine: Engine, number: int) -> None:
    """Receive and read a study: every fourth is refused, the others are suspected, beside a shadow that doubts it."""
    uid = f"1.2.{number}"
    received(engine, study=uid, association_id=f"a{number}", received_at=utc_now())
    study = studies.find(engine, uid)
    assert study is not None
    with_shadow = replace(suspected("shadow-1"), assessment=Assessment.NOT_DETECTED, probability=0.2)
    now = utc_now()
    later = now + timedelta(hours=1)
    studies.mark_ready(engine, later, timedelta(0), timedelta(0))
    claim = studies.claim(engine, study.id, f"t{number}", later, LEASE)
    assert claim is not None
    said = replace(suspected(DEFAULT_VERSION), probability=0.95)
    if number % 4 == 0:
        refusal = Refusal(RefusalCode.NOT_FRONTAL, "")
        nothing = {"probability": None, "operating_point": None, "refusal": refusal}
        said = replace(said, assessment=Assessment.UNDETERMINED, **nothing)  # type: ignore[arg-type]
    results.commit_result(engine, claim, said, [], now, with_shadow if number % 4 else None)


def test_the_page_shows_volume_refusals_agreement_and_the_shadow(sign_in: SignIn, engine: Engine) -> None:
    """Each share with its interval; a page costs as many queries with many studies as with few."""
    browser = sign_in("anna")
    numbers = []
    for number in range(1, 9):
        answer(engine, number)
        if number in {1, 8}:
            with counted(engine) as statements:
                page = browser.get("/quality").text
            # Without the note of who was last seen when, which is written every half minute.
            numbers.append(sum(statement.startswith("SELECT") for statement in statements))
    assert numbers[0] == numbers[1]
    reader = accounts.find(engine, "anna")
    assert reader is not None
    feedback.give(engine, 1, reader, Verdict.AGREE, "", "", utc_now())
    page = browser.get("/quality").text
    assert "6 of 6; 61 to 100 %" in page
    assert re.search(r"not a frontal projection</th><td>2</td>", page)
    assert "1 of 1; 21 to 100 %" in page
    assert "shadow-1 (shadow) beside" in page
    assert page.count('role="img"') >= 5
    assert "not flagged</span>" in page
    assert "fewer than 100 say nothing yet" in page
    assert 'role="alert"' not in page


def test_another_population_raises_the_alarm_once_there_is_enough_of_it(sign_in: SignIn, engine: Engine) -> None:
    """Many answers at the top, where the card expects them at the bottom."""
    received(engine)
    results.commit_result(engine, claimed(engine), replace(suspected(DEFAULT_VERSION), probability=0.95), [], LATER)
    (first,) = results.of_study(engine, 1)
    values = {column.name: getattr(first, column.name) for column in Result.__table__.columns if column.name != "id"}
    with transaction(engine) as session:
        rows = [{**values, "revision": n, "created_at": utc_now()} for n in range(2, LEAST_FOR_ALARM + 2)]
        session.execute(insert(Result), rows)
    page = sign_in("anna").get("/quality").text
    assert 'role="alert"' in page
    assert "answers otherwise than its model card expects" in page


def test_days_that_are_none_are_refused(sign_in: SignIn) -> None:
    """Nobody asks the database for ten thousand days."""
    browser = sign_in("anna")
    assert browser.get("/quality?days=90").status_code == 200
    assert browser.get("/quality?days=10000").status_code == 422
    assert "No study was analysed" in browser.get("/quality?days=7").text


def test_a_card_without_a_reference_is_compared_with_nothing() -> None:
    """And no answers are at no distance from anything."""
    assert spread_of([], None, None).index is None
    empty = spread_of([], Reference((1,) * 10, (1,) * 10), None)
    assert (empty.index, empty.alarms(0.1)) == (None, False)
