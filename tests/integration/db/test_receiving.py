import threading
from datetime import timedelta

from sqlalchemy import Engine

from db import events, instances, overview, results, studies
from db.instances import Recorded
from domain.study import StudyStatus
from tests.integration.db.builders import LATER, NOW, QUIET, STALE, claimed, received, suspected


def test_an_instance_opens_its_study(engine: Engine) -> None:
    """The first image makes a study that is RECEIVING at revision 1."""
    assert received(engine) is Recorded.NEW
    study = studies.find(engine, "1.2.3")
    assert study is not None
    assert (study.status, study.revision, study.first_received_at) == (StudyStatus.RECEIVING, 1, NOW)


def test_the_same_bytes_again_change_nothing(engine: Engine) -> None:
    """A repeated send is a success without effect, even on a finished study."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    assert received(engine, received_at=LATER) is Recorded.DUPLICATE
    study = studies.find(engine, "1.2.3")
    assert study is not None
    assert (study.status, study.revision, study.last_received_at) == (StudyStatus.ANALYSED, 1, NOW)


def test_other_bytes_under_the_same_uid_are_kept_beside(engine: Engine) -> None:
    """Nothing is overwritten: both rows stay, an event says so, and the newest is the one that is read."""
    received(engine)
    assert received(engine, content="other", relative_path="1.2.3/other.dcm") is Recorded.DIFFERS
    study = studies.find(engine, "1.2.3")
    assert study is not None
    assert [row.relative_path for row in instances.newest_of_study(engine, study.id)] == ["1.2.3/other.dcm"]
    assert "instance_differs" in {event.kind for event in events.of_study(engine, study.id)}


def test_a_late_image_of_an_analysed_study_opens_the_next_revision(engine: Engine) -> None:
    """A revision that has a result is closed."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    received(engine, 2, received_at=LATER, association_id="a2")
    study = studies.find(engine, "1.2.3")
    assert study is not None
    assert (study.status, study.revision) == (StudyStatus.RECEIVING, 2)


def test_a_late_image_during_analysis_takes_the_claim_away(engine: Engine) -> None:
    """The analysis of an incomplete study stores nothing, and the revision is read once, complete."""
    received(engine)
    overtaken = claimed(engine)
    received(engine, 2, received_at=LATER, association_id="a2")
    assert results.commit_result(engine, overtaken, suspected(), ["pacs"], LATER) is None
    instances.close_association(engine, "a2", LATER)
    again = claimed(engine, at=LATER + timedelta(minutes=1))
    assert again.revision == 1
    assert results.commit_result(engine, again, suspected(), ["pacs"], LATER) is not None
    assert len(results.of_study(engine, again.study_id)) == 1


def test_a_study_is_not_ready_before_it_is_quiet(engine: Engine) -> None:
    """Readiness waits for study_quiet_seconds after the last image."""
    received(engine)
    instances.close_association(engine, "a1", NOW)
    assert studies.mark_ready(engine, NOW + QUIET - timedelta(milliseconds=1), QUIET, STALE) == []
    assert len(studies.mark_ready(engine, NOW + QUIET, QUIET, STALE)) == 1


def test_an_open_association_holds_its_study_back(engine: Engine) -> None:
    """However long ago the last image came, an association that is alive and on this study is waited for."""
    received(engine)
    instances.touch_associations(engine, ["a1"], LATER)
    assert studies.mark_ready(engine, LATER, QUIET, STALE) == []
    instances.close_association(engine, "a1", LATER)
    assert len(studies.mark_ready(engine, LATER, QUIET, STALE)) == 1


def test_an_association_that_went_on_to_another_study_holds_nothing_back(engine: Engine) -> None:
    """A long migration over one association does not delay its first study."""
    received(engine)
    received(engine, study="1.2.4")
    instances.touch_associations(engine, ["a1"], LATER)
    (ready,) = studies.mark_ready(engine, LATER, QUIET, STALE)
    found = studies.find(engine, "1.2.3")
    assert found is not None
    assert ready == found.id


def test_an_association_of_a_dead_listener_does_not_hold_for_ever(engine: Engine) -> None:
    """Without a sign of life within association_stale_seconds, an open association counts as gone."""
    received(engine)
    assert len(studies.mark_ready(engine, NOW + STALE, QUIET, STALE)) == 1


def test_many_senders_at_once_lose_nothing(engine: Engine) -> None:
    """Eight threads, one study and eight others: every instance has its row, every study exists once."""

    def send(sender: int) -> None:
        for number in range(5):
            received(engine, sender * 100 + number, association_id=f"a{sender}")
            received(engine, number, study=f"1.2.{sender + 10}", association_id=f"a{sender}")

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared = studies.find(engine, "1.2.3")
    assert shared is not None
    assert len(instances.newest_of_study(engine, shared.id)) == 40
    assert len(studies.listed(engine, None, 100)) == 9


def test_our_own_output_that_comes_back_opens_no_revision(engine: Engine) -> None:
    """It is kept and told, and the study stays as it is, with the same instances to read."""
    received(engine)
    results.commit_result(engine, claimed(engine), suspected(), [], LATER)
    assert received(engine, 2, received_at=LATER, association_id="a2", is_own_output=True) is Recorded.NEW
    study = studies.find(engine, "1.2.3")
    assert study is not None
    assert (study.status, study.revision) == (StudyStatus.ANALYSED, 1)
    assert [row.sop_instance_uid for row in instances.newest_of_study(engine, study.id)] == ["1.2.3.1.1"]
    assert overview.instances_kept(engine)[0] == 2
    (event,) = [e for e in events.of_study(engine, study.id) if e.kind == "own_output_returned"]
    assert event.detail["sop_instance_uid"] == "1.2.3.1.2"


def test_our_own_output_takes_no_claim_away(engine: Engine) -> None:
    """A PACS that routes back while the study is read does not start the reading over."""
    received(engine)
    claim = claimed(engine)
    received(engine, 2, received_at=LATER, association_id="a2", is_own_output=True)
    assert results.commit_result(engine, claim, suspected(), [], LATER) is not None


def test_a_study_of_nothing_but_our_own_output_is_never_read(engine: Engine) -> None:
    """There is nothing to read, and nothing that waits; an image that follows makes it an ordinary study."""
    received(engine, is_own_output=True)
    instances.close_association(engine, "a1", NOW)
    assert studies.mark_ready(engine, LATER, QUIET, STALE) == []
    assert overview.oldest_waiting(engine) is None
    received(engine, 2, association_id="a2")
    instances.close_association(engine, "a2", NOW)
    assert len(studies.mark_ready(engine, LATER, QUIET, STALE)) == 1
