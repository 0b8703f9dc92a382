from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db import confirmations, deliveries, instances, intake_load, overview, reprocessing, results, retention, studies
from db.instances import Recorded
from db.reprocessing import Request, Selection
from domain.study import StudyStatus
from tests.integration.db.builders import LATER, LEASE, NOW, claimed, received, suspected

DAYS = LATER + timedelta(days=30)


def analysed(engine: Engine, study: str = "1.2.3") -> list[int]:
    """Bring a study to ANALYSED with two deliveries, and give their ids."""
    received(engine, study=study)
    opened = results.commit_result(engine, claimed(engine, study=study), suspected(), ["pacs", "archive"], LATER)
    assert opened is not None
    return opened


def deliver(engine: Engine, delivery_ids: list[int]) -> None:
    """Send reports."""
    for delivery_id in delivery_ids:
        claim = deliveries.claim(engine, delivery_id, "d", LATER, LEASE)
        assert claim is not None
        deliveries.finish(engine, claim, LATER, 0)


def purge(engine: Engine, study_id: int = 1) -> int:
    """Mark a study's images; gives how many."""
    return len(retention.mark_purged(engine, study_id, DAYS, DAYS, by="test", reason="test"))


def test_images_go_only_when_every_report_of_every_revision_is_delivered(engine: Engine) -> None:
    """One that waits, is being sent, or failed, keeps them; a listing and the mark agree."""
    pacs, archive = analysed(engine)
    assert retention.purgeable(engine, DAYS, 10) == []
    deliver(engine, [pacs])
    assert purge(engine) == 0
    claim = deliveries.claim(engine, archive, "d", LATER, LEASE)
    assert claim is not None
    assert purge(engine) == 0
    deliveries.fail(engine, claim, LATER, "refused", 0xA900)
    assert purge(engine) == 0
    deliveries.resend(engine, [archive], LATER, "test")
    deliver(engine, [archive])
    (found,) = retention.purgeable(engine, DAYS, 10)
    assert (found.study_instance_uid, found.instances, found.size_bytes) == ("1.2.3", 1, 1000)
    assert retention.purgeable(engine, DAYS, 10, "1.2.4") == []
    assert purge(engine) == 1
    assert retention.purgeable(engine, DAYS, 10) == []
    assert purge(engine) == 0


def test_images_stay_while_a_destination_has_not_said_whether_it_keeps_the_report(engine: Engine) -> None:
    """Sent is not enough where it can be asked; when it has answered, or cannot, they may go."""
    pacs, archive = analysed(engine)
    deliver(engine, [archive])
    claim = deliveries.claim(engine, pacs, "d", LATER, LEASE)
    assert claim is not None
    deliveries.finish(engine, claim, LATER, 0, confirm_at=LATER)
    assert purge(engine) == 0
    question = confirmations.claim(engine, pacs, "c", LATER, LEASE)
    assert question is not None
    confirmations.verify(engine, question, LATER)
    assert purge(engine) == 1


def test_an_image_that_its_sender_was_promised_stays(engine: Engine) -> None:
    """Its whole study does; and what is gone already is not promised any more."""
    for study in ("1.2.3", "1.2.4"):
        deliver(engine, analysed(engine, study))
    assert instances.promise(engine, instances.all_of_study(engine, 1), LATER)
    assert [found.study_instance_uid for found in retention.purgeable(engine, DAYS, 10)] == ["1.2.4"]
    assert (purge(engine, 1), purge(engine, 2)) == (0, 1)
    assert not instances.promise(engine, instances.all_of_study(engine, 2), DAYS)


def test_the_longest_reported_go_first_and_the_youngest_stay(engine: Engine) -> None:
    """In order of the report, up to a number, and none that was reported after the time."""
    for study in ("1.2.3", "1.2.4"):
        deliver(engine, analysed(engine, study))
    assert [found.study_id for found in retention.purgeable(engine, DAYS, 1)] == [1]
    assert retention.purgeable(engine, LATER, 10) == []


def test_purged_instances_count_no_more(engine: Engine) -> None:
    """Not as kept, not against a quota; what is known of the study stays."""
    deliver(engine, analysed(engine))
    purge(engine)
    assert (overview.instances_kept(engine), overview.instances_purged(engine)) == ((0, 0), 1)
    assert intake_load.stored_bytes(engine) == (0, 0)
    assert retention.kept_paths(engine, "1.2.3") == frozenset()
    assert len(results.of_study(engine, 1)) == 1


def test_the_same_bytes_bring_an_image_back_and_change_no_result(engine: Engine) -> None:
    """A migration that sends everything again is no reason to report everything again."""
    deliver(engine, analysed(engine))
    purge(engine)
    assert received(engine, received_at=DAYS) is Recorded.RESTORED
    assert received(engine, received_at=DAYS) is Recorded.DUPLICATE
    study = studies.find(engine, "1.2.3")
    assert study is not None
    assert (study.status, study.revision) == (StudyStatus.REPORTED, 1)
    assert [row.purged_at for row in instances.all_of_study(engine, 1)] == [None]
    assert retention.purgeable(engine, DAYS, 10) == [], "it stays as long as a new one"
    assert len(retention.purgeable(engine, DAYS + timedelta(days=1), 10)) == 1


def test_a_study_without_its_images_cannot_be_reprocessed(engine: Engine) -> None:
    """It is left out of selections, named as such, and not even a race reopens it."""
    deliver(engine, analysed(engine))
    purge(engine)
    assert reprocessing.select_studies(engine, Selection()) == []
    assert reprocessing.without_images(engine, Selection(since=NOW)) == ["1.2.3"]
    assert reprocessing.reprocess(engine, 1, LATER, Request("test")) is None


@pytest.mark.parametrize("by_what", ["late image", "reprocessing"])
def test_a_study_that_is_wanted_again_keeps_its_images(engine: Engine, by_what: str) -> None:
    """Whoever comes between the listing and the mark wins."""
    deliver(engine, analysed(engine))
    assert len(retention.purgeable(engine, DAYS, 10)) == 1
    if by_what == "late image":
        received(engine, 2, received_at=DAYS)
    else:
        reprocessing.reprocess(engine, 1, LATER, Request("test"))
    assert purge(engine) == 0
