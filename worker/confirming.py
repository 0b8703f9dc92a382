"""The task confirm_delivery: is a report that was sent kept? Asked by storage commitment, or by C-FIND.

Every step is decided by the delivery row and may be repeated. An answer may come on the association of its question
(to this process) or on one of its own (to the listener): both hand it to `CommitmentAnswers`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from config.commitment import CommitmentSettings
from config.settings import DeliverySettings
from db import confirmations, reports
from db.confirmations import ConfirmationClaim, Heard, LossPolicy
from db.reports import SentInstance
from db.session import Engine
from dicom_gateway.association_scu import Destination, NoContextAccepted
from dicom_gateway.commitment_scu import ConfirmationSession, confirmation_session
from dicom_gateway.uids import new_uid
from domain.clock import utc_now
from domain.commitment import CommitmentReply, SopReference
from domain.errors import CxrTriageError, PeerBusy, QuestionRefused
from domain.failpoints import Failpoint, failpoint
from domain.retry import wait_before_retry
from worker.lanes import lanes_of, pauses_of

_log = structlog.get_logger()
#: Writes down what was heard, once the association is over: until then it counts as one of the destination's.
_WriteDown = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Keeper:
    """A destination, and how it may be asked what it keeps."""

    destination: Destination
    commitment: bool
    query: bool


class CommitmentAnswers:
    """Takes the answers of destinations, on whichever association they come."""

    def __init__(self, engine: Engine, settings: CommitmentSettings, delivery: DeliverySettings) -> None:
        self._engine = engine
        self.policy = LossPolicy(
            most=settings.resend_attempts,
            wait=lambda n: wait_before_retry(n, delivery.first_retry_seconds, delivery.longest_retry_seconds),
        )

    def on_reply(self, reply: CommitmentReply) -> bool:
        """Record an answer; False when its transaction is none of ours. Raises StoreUnavailable."""
        heard = confirmations.hear(self._engine, reply, utc_now(), self.policy)
        level = _log.info if heard is Heard.COMMITTED else _log.warning
        level("commitment_answered", transaction_uid=reply.transaction_uid, heard=heard.value, failed=len(reply.failed))
        return heard is not Heard.UNKNOWN


class DeliveryConfirmation:
    """Asks about one delivery at a time, whoever rings for it and however often."""

    def __init__(
        self,
        engine: Engine,
        keepers: Mapping[str, Keeper],
        answers: CommitmentAnswers,
        settings: CommitmentSettings,
        delivery: DeliverySettings,
    ) -> None:
        """`keepers` are the destinations that may be asked, by name."""
        self._engine = engine
        self._keepers = keepers
        self._answers = answers
        self._settings = settings
        self._delivery = delivery

    def run(self, delivery_id: int, task_id: str) -> None:
        """Take the next step, if one is due. Raises StoreUnavailable: the lease then runs out."""
        lease = timedelta(seconds=self._delivery.lease_seconds)
        limits = lanes_of(self._delivery)
        claim = confirmations.claim(self._engine, delivery_id, task_id, utc_now(), lease, limits)
        if claim is None:  # answered, being asked, or its destination has no room: then it is rung for again
            _log.info("confirmation_not_begun", delivery_id=delivery_id)
            return
        keeper = self._keepers.get(claim.destination)
        if claim.attempt > self._delivery.max_attempts:
            self._leave(claim, f"the process died while it asked, {claim.attempt - 1} times in all")
        elif keeper is None:
            self._leave(claim, "the settings do not let this destination be asked any more")
        else:
            self._try_step(claim, keeper)

    def _try_step(self, claim: ConfirmationClaim, keeper: Keeper) -> None:
        try:
            self._step(claim, keeper)
        except NoContextAccepted:
            unanswered = f"no answer to {claim.asked} requests for commitment, and it offers no C-FIND"
            self._leave(claim, unanswered if claim.asked else "it offers neither storage commitment nor C-FIND")
        except QuestionRefused as error:
            self._leave(claim, str(error))
        except PeerBusy as error:
            self._later(claim, f"{type(error).__name__}: {error}", answered=True)
        except CxrTriageError as error:
            self._later(claim, f"{type(error).__name__}: {error}", answered=False)

    def give_back(self, delivery_id: int, task_id: str, error: str) -> None:
        """End the step that `task_id` holds, after a failure outside the tree of our own errors."""
        claim = confirmations.held_by(self._engine, delivery_id, task_id)
        if claim is not None:
            self._later(claim, error, answered=False)

    def _step(self, claim: ConfirmationClaim, keeper: Keeper) -> None:
        may_request = keeper.commitment and claim.asked < self._settings.request_attempts
        if not (may_request or keeper.query):
            self._leave(claim, f"no answer to {claim.asked} requests for commitment")
            return
        sent = reports.sent_instances(self._engine, claim.delivery_id)
        with confirmation_session(
            keeper.destination, self._answers.on_reply, commitment=may_request, query=keeper.query
        ) as session:
            write_down = self._ask(claim, session, sent)
        write_down()

    def _ask(self, claim: ConfirmationClaim, session: ConfirmationSession, sent: list[SentInstance]) -> _WriteDown:
        if session.takes_commitment and (write_down := self._request(claim, session, sent)):
            return write_down
        if session.takes_query:
            return self._look(claim, session, sent)
        return lambda: self._leave(claim, "it gives no commitment, and offers no C-FIND")

    def _request(
        self, claim: ConfirmationClaim, session: ConfirmationSession, sent: list[SentInstance]
    ) -> _WriteDown | None:
        """Ask for commitment; None when it will not be given. The question is kept before it is asked."""
        transaction_uid, wait = new_uid(), timedelta(seconds=self._settings.request_answer_seconds)
        uids = [instance.sop_instance_uid for instance in sent]
        if not confirmations.keep_question(self._engine, claim, transaction_uid, uids, utc_now(), wait):
            return lambda: None  # somebody else has the delivery now
        failpoint(Failpoint.CONFIRM_AFTER_QUESTION_KEPT)
        try:
            session.request(transaction_uid, [SopReference(i.sop_class_uid, i.sop_instance_uid) for i in sent])
        except (QuestionRefused, PeerBusy) as error:
            confirmations.close_question(self._engine, transaction_uid, utc_now(), str(error))
            _log.warning("commitment_refused", destination=claim.destination, reason=str(error))
            if isinstance(error, PeerBusy):
                raise
            return None
        _log.info("commitment_requested", destination=claim.destination, transaction_uid=transaction_uid)
        session.hold(self._settings.hold_seconds, lambda: confirmations.is_open(self._engine, transaction_uid))
        return lambda: self._await_answer(claim, wait)

    def _await_answer(self, claim: ConfirmationClaim, wait: timedelta) -> None:
        confirmations.wait(self._engine, claim, utc_now() + wait, "commitment requested")

    def _look(self, claim: ConfirmationClaim, session: ConfirmationSession, sent: list[SentInstance]) -> _WriteDown:
        """Look for everything that was sent; what is not found often enough is lost."""
        missing = [
            i.sop_instance_uid
            for i in sent
            if not session.has(i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid)
        ]
        return (lambda: self._miss(claim, missing)) if missing else (lambda: self._verify(claim))

    def _verify(self, claim: ConfirmationClaim) -> None:
        moved = confirmations.verify(self._engine, claim, utc_now())
        _log.info("report_verified", destination=claim.destination, delivery_id=claim.delivery_id, moved=moved)

    def _miss(self, claim: ConfirmationClaim, missing: list[str]) -> None:
        words = f"not found by C-FIND: {', '.join(missing)}"
        _log.warning("report_not_found", destination=claim.destination, misses=claim.misses + 1, sop=missing)
        if claim.misses + 1 < self._settings.query_attempts:
            until = utc_now() + self._wait(claim.misses + 1)
            confirmations.wait(self._engine, claim, until, words, missed=True)
        else:
            confirmations.lose(self._engine, claim, utc_now(), words, self._answers.policy)

    def _later(self, claim: ConfirmationClaim, words: str, *, answered: bool) -> None:
        """Ask again after a growing wait, or leave it at SENT after the last attempt."""
        if claim.attempt >= self._delivery.max_attempts:
            self._leave(claim, words)
            return
        _log.warning("confirmation_retry", destination=claim.destination, attempt=claim.attempt, error=words)
        wait, pauses = self._wait(claim.attempt), None if answered else pauses_of(self._delivery)
        confirmations.try_again(self._engine, claim, utc_now(), words, wait=wait, pauses=pauses)

    def _leave(self, claim: ConfirmationClaim, words: str) -> None:
        _log.warning("report_unconfirmed", destination=claim.destination, reason=words)
        confirmations.leave_unconfirmed(self._engine, claim, utc_now(), words)

    def _wait(self, attempt: int) -> timedelta:
        settings = self._delivery
        return wait_before_retry(attempt, settings.first_retry_seconds, settings.longest_retry_seconds)
