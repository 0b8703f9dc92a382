import threading
from datetime import timedelta

from sqlalchemy import Engine

from db import deliveries, reports, reprocessing, results, studies
from db.reprocessing import Request, Selection
from db.tables import Report
from domain.finding import Assessment
from domain.priority import QueuePriority
from domain.study import DeliveryState, StudyStatus
from tests.integration.db.builders import LATER, LEASE, NOW, claimed, received, suspected

EXPIRED = LATER + LEASE + timedelta(seconds=1)


def status_of(engine: Engine, study: str = "1.2.3") -> StudyStatus:
    """Give a study's status."""
    found = studies.find(engine, study)
    assert found is not None
    return found.status


def test_only_one_of_many_workers_gets_a_study(engine: Engine) -> None:
    """Eight workers claim the same READY study at once; one wins."""
    received(engine)
    first = claimed(engine)
    studies.give_back(engine, first, LATER, "", timedelta(0))
    won: list[object] = []

    def try_to_claim(worker: int) -> None:
        claim = studies.claim(engine, first.study_id, f"w{worker}", LATER, LEASE)
        if claim is not None:
            won.append(claim)

    threads = [threading.Thread(target=try_to_claim, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_worker_that_lost_its_lease_cannot_commit(engine: Engine) -> None:
    """Paused past its lease, it wakes up to a lost claim; the study has one result."""
    received(engine)
    paused = claimed(engine)
    other = studies.claim(engine, paused.study_id, "t2", EXPIRED, LEASE)
    assert other is not None
    assert results.commit_result(engine, other, suspected(), ["pacs"], EXPIRED) is not None
    assert results.commit_result(engine, paused, suspected(), ["pacs"], EXPIRED) is None
    assert len(results.of_study(engine, paused.study_id)) == 1


def test_a_redelivered_message_may_claim_what_its_task_held(engine: Engine) -> None:
    """After a worker died, the same task id need not wait for the lease; the dead one's token is void."""
    received(engine)
    died = claimed(engine, task="t1")
    again = studies.claim(engine, died.study_id, "t1", LATER, LEASE)
    assert again is not None
    assert again.attempt == 2
    assert not studies.fail(engine, died, LATER, "")


def test_a_live_claim_is_not_to_be_had(engine: Engine) -> None:
    """Another task does not get a study whose lease holds."""
    received(engine)
    held = claimed(engine)
    assert studies.claim(engine, held.study_id, "t2", LATER, LEASE) is None
    assert studies.expired_claims(engine, LATER) == []
    assert [claim.study_id for claim in studies.expired_claims(engine, EXPIRED)] == [held.study_id]


def test_a_study_that_was_given_back_waits_for_its_time(engine: Engine) -> None:
    """Neither due nor claimable before not_before; both after."""
    received(engine)
    failed = claimed(engine)
    studies.give_back(engine, failed, LATER, "StoreUnavailable", timedelta(seconds=30))
    assert list(studies.due(engine, LATER, None)) == []
    assert studies.claim(engine, failed.study_id, "t2", LATER, LEASE) is None
    assert list(studies.due(engine, LATER + timedelta(seconds=30), None)) == [failed.study_id]


def test_a_study_is_rung_for_once_until_it_counts_as_forgotten(engine: Engine) -> None:
    """A queued study is due again only when it was queued before the given time."""
    received(engine)
    studies.give_back(engine, claimed(engine), LATER, "", timedelta(0))
    (study_id,) = studies.due(engine, LATER, None)
    studies.note_queued(engine, [study_id], LATER)
    assert list(studies.due(engine, LATER, None)) == []
    assert list(studies.due(engine, LATER, LATER)) == []
    assert list(studies.due(engine, LATER, LATER + timedelta(seconds=1))) == [study_id]


def test_taking_back_all_claims_does_not_count_the_attempt(engine: Engine) -> None:
    """A service that was killed is not the study's fault."""
    received(engine)
    killed = claimed(engine)
    assert studies.release_all_claims(engine) == 1
    again = studies.claim(engine, killed.study_id, "t2", LATER, LEASE)
    assert again is not None
    assert again.attempt == 1


def test_a_study_is_reported_when_every_destination_has_its_report(engine: Engine) -> None:
    """ANALYSED until the last delivery is SENT."""
    received(engine)
    ids = results.commit_result(engine, claimed(engine), suspected(), ["one", "two"], LATER)
    assert ids is not None
    for delivery_id, expected in zip(ids, (StudyStatus.ANALYSED, StudyStatus.REPORTED), strict=True):
        claim = deliveries.claim(engine, delivery_id, "d", LATER, LEASE)
        assert claim is not None
        assert deliveries.finish(engine, claim, LATER, 0)
        assert status_of(engine) is expected


def test_an_older_revisions_report_does_not_report_the_newer_one(engine: Engine) -> None:
    """A late image came while the first report was on its way: the study stays RECEIVING."""
    received(engine)
    ids = results.commit_result(engine, claimed(engine), suspected(), ["pacs"], LATER)
    assert ids is not None
    claim = deliveries.claim(engine, ids[0], "d", LATER, LEASE)
    received(engine, 2, received_at=LATER)
    assert claim is not None
    assert deliveries.finish(engine, claim, LATER, 0)
    assert status_of(engine) is StudyStatus.RECEIVING


def test_a_failed_delivery_is_listed_and_can_be_sent_again(engine: Engine) -> None:
    """FAILED is not lost: resend makes it due, once."""
    received(engine)
    ids = results.commit_result(engine, claimed(engine), suspected(), ["pacs"], LATER)
    assert ids is not None
    claim = deliveries.claim(engine, ids[0], "d", LATER, LEASE)
    assert claim is not None
    assert deliveries.fail(engine, claim, LATER, "refused", 0xA900)
    assert [row.id for row, _, _ in deliveries.listed(engine, DeliveryState.FAILED, 10)] == ids
    assert deliveries.resend(engine, ids, LATER, "test") == 1
    assert list(deliveries.due(engine, LATER, None)) == ids


def test_the_first_bytes_of_a_report_win(engine: Engine) -> None:
    """Two workers that built the same report both send the bytes that were kept first."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), ["pacs"], LATER)
    study = studies.find(engine, "1.2.3")
    assert study is not None
    (result,) = results.of_study(engine, study.id)

    def report(content: bytes) -> Report:
        return Report(
            result_id=result.id,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
            sop_instance_uid="2.25.1",
            series_instance_uid="2.25.2",
            content=content,
            created_at=LATER,
        )

    assert reports.keep_report(engine, report(b"first")).content == b"first"
    assert reports.keep_report(engine, report(b"second")).content == b"first"


def test_the_first_choice_of_a_report_stands_until_it_is_refused(engine: Engine) -> None:
    """A destination that may have one report gets no other; one that refused it may."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), ["pacs", "other"], LATER)
    (result,) = results.of_study(engine, 1)
    made = [
        Report(
            result_id=result.id,
            sop_class_uid=sop_class,
            sop_instance_uid=f"2.25.{sop_class}",
            series_instance_uid="2.25.2",
            content=b"",
            created_at=LATER,
        )
        for sop_class in ("33", "34")
    ]
    first, second = (reports.keep_report(engine, report) for report in made)
    assert reports.chosen_report(engine, result.id, "pacs") is None
    assert reports.choose_report(engine, result.id, "pacs", first).id == first.id
    assert reports.choose_report(engine, result.id, "pacs", second).id == first.id
    assert reports.choose_report(engine, result.id, "other", second).id == second.id
    reports.withdraw_choice(engine, result.id, "pacs", second)
    assert reports.choose_report(engine, result.id, "pacs", second).id == first.id
    reports.withdraw_choice(engine, result.id, "pacs", first)
    assert reports.choose_report(engine, result.id, "pacs", second).id == second.id


def test_reprocessing_opens_a_revision_that_supersedes(engine: Engine) -> None:
    """History is kept: the new result names the old one."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    (chosen,) = reprocessing.select_studies(engine, Selection(status=StudyStatus.ANALYSED))
    assert reprocessing.reprocess(engine, chosen.id, LATER, Request("test")) == 2
    assert reprocessing.reprocess(engine, chosen.id, LATER, Request("test")) is None
    claim = studies.claim(engine, chosen.id, "t2", LATER, LEASE)
    assert claim is not None
    results.commit_result(engine, claim, suspected(), [], LATER)
    first, second = results.of_study(engine, chosen.id)
    assert (first.revision, second.revision, second.supersedes_id) == (1, 2, first.id)


def test_reprocessing_selects_by_the_newest_result_and_by_time(engine: Engine) -> None:
    """What an earlier revision said, or a shadow, selects nothing; what is None does not restrict."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected("old"), [], LATER, shadow=suspected("shadow"))
    reprocessing.reprocess(engine, 1, LATER, Request("test"))
    claim = studies.claim(engine, 1, "t2", LATER, LEASE)
    assert claim is not None
    results.commit_result(engine, claim, suspected("new"), [], LATER)
    assert [
        len(reprocessing.select_studies(engine, selection))
        for selection in (
            Selection(model_version="new", assessment=Assessment.SUSPECTED, since=NOW),
            Selection(model_version="old"),
            Selection(model_version="shadow"),
            Selection(assessment=Assessment.NOT_DETECTED),
            Selection(since=LATER),
            Selection(until=NOW),
            Selection(study_instance_uids=("1.2.3", "1.2.4")),
            Selection(study_instance_uids=()),
        )
    ] == [1, 0, 0, 0, 0, 0, 1, 0]


def test_a_late_image_takes_a_study_out_of_its_reprocessing(engine: Engine) -> None:
    """It is live again, and the active version reads it."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    request = Request("test", QueuePriority.BACKGROUND, "wanted", "run")
    assert reprocessing.reprocess(engine, 1, LATER, request) == 2
    assert studies.due(engine, LATER, None) == []
    assert studies.due(engine, LATER, None, queue_priority=QueuePriority.BACKGROUND) == [1]
    received(engine, 2, received_at=LATER)
    study = studies.find(engine, "1.2.3")
    assert study is not None
    assert (study.queue_priority, study.wanted_version, study.reprocess_run) == (QueuePriority.LIVE, None, None)
    assert study.revision == 2


def test_only_finished_studies_are_selected_for_reprocessing(engine: Engine) -> None:
    """What is on its way anyway is left alone."""
    received(engine)
    assert reprocessing.select_studies(engine, Selection()) == []
