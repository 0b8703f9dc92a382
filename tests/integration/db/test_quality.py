from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db import accounts, deliveries, events, feedback, quality, results, studies
from db.events import EventKind
from db.session import transaction
from domain.finding import Assessment, Refusal, RefusalCode
from domain.reading import Role, Verdict
from tests.integration.db.builders import LATER, NOW, claimed, received, suspected

DAY = timedelta(days=1)


@pytest.fixture
def answered(engine: Engine) -> None:
    """Two studies: one suspected and sent after two minutes, beside a shadow's answer; one refused."""
    received(engine)
    shadow = replace(suspected("m2"), assessment=Assessment.NOT_DETECTED, probability=0.1)
    (delivery_id,) = results.commit_result(engine, claimed(engine), suspected(), ["pacs"], LATER, shadow) or []
    delivery = deliveries.claim(engine, delivery_id, "t", LATER, DAY)
    assert delivery is not None
    deliveries.finish(engine, delivery, NOW + timedelta(minutes=2), 0)
    with transaction(engine) as session:
        events.record(session, NOW + timedelta(minutes=5), EventKind.REPORT_SENT, 1)
    received(engine, study="1.2.4", association_id="a2")
    refused = replace(
        suspected(),
        assessment=Assessment.UNDETERMINED,
        probability=None,
        operating_point=None,
        refusal=Refusal(RefusalCode.NOT_FRONTAL, ""),
    )
    later = LATER + DAY
    studies.mark_ready(engine, later, timedelta(0), timedelta(0))
    claim = studies.claim(engine, 2, "t2", later, DAY)
    assert claim is not None
    results.commit_result(engine, claim, refused, [], later)


def test_every_answer_since_then_is_listed_with_its_version_and_reason(engine: Engine, answered: None) -> None:
    """Those of shadows are marked; what is older is left out."""
    found = quality.answers(engine, NOW)
    assert [(a.model_version, a.is_shadow, a.probability, a.refusal_code) for a in found] == [
        ("m1", False, 0.9, None),
        ("m2", True, 0.1, None),
        ("m1", False, None, RefusalCode.NOT_FRONTAL),
    ]
    assert [a.arrived_at for a in found] == [NOW] * 3
    assert len(quality.answers(engine, LATER + timedelta(hours=1))) == 1


def test_a_report_that_is_sent_again_does_not_slow_down_what_was_fast(engine: Engine, answered: None) -> None:
    """The first time counts."""
    assert quality.first_moments(engine, NOW, EventKind.REPORT_SENT) == {1: NOW + timedelta(minutes=2)}
    assert quality.first_moments(engine, NOW, EventKind.STUDY_READ) == {}


def test_of_each_reader_the_newest_word_counts(engine: Engine, answered: None) -> None:
    """Two readers have two words; who changes their mind has one."""
    anna, ben = (accounts.add(engine, name, "", Role.READER, NOW) for name in ("anna", "ben"))
    for account, verdict in ((anna, Verdict.AGREE), (ben, Verdict.UNSURE), (anna, Verdict.DISAGREE)):
        feedback.give(engine, 1, account, verdict, "", "", LATER)
    found = {word.account_id: word.verdict for word in quality.words(engine, NOW)}
    assert found == {anna.id: Verdict.DISAGREE, ben.id: Verdict.UNSURE}
    assert len(quality.words(engine, NOW)) == 2
