"""The task answer_commitment: what senders asked us to keep is looked at, and they are told.

The answer goes to the sender's address by the settings, on an association of its own. Where none is known it goes out
on the association of the request, from the listener, if that is still open.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from config.settings import DeliverySettings
from db import commitment_requests, instances
from db.commitment_requests import NewRequest, RequestClaim
from db.session import Engine
from db.tables import Instance
from dicom_gateway.association_scu import Destination
from dicom_gateway.commitment_scp import CommitmentAsked, SendReply
from dicom_gateway.commitment_scu import report_event
from dicom_gateway.instance_store import InstanceStore
from domain.clock import utc_now
from domain.commitment import CommitmentReply, FailureReason, SopReference
from domain.errors import CxrTriageError, PeerBusy, Rejected
from domain.retry import wait_before_retry
from worker.lanes import lanes_of, pauses_of

_log = structlog.get_logger()

#: Read in one task: seconds at the speed of a disk, well below the task's time limit.
_BYTES_AT_ONCE = 2 << 30
#: How long the sweep leaves a request to the association that it came on.
_OWN_ASSOCIATION_SECONDS = 60.0

#: Gives the way to a sender: (calling AE title, called AE title, peer's address). None: no way is known.
WayToSender = Callable[[str, str, str], Destination | None]
Checked = list[tuple[SopReference, int | None]]


class SafeKeeping:
    """Says whether instances are kept: acknowledged, of the class that is named, and their files whole.

    What it says so of is never purged.
    """

    def __init__(self, engine: Engine, store: InstanceStore, bytes_at_once: int = _BYTES_AT_ONCE) -> None:
        self._engine = engine
        self._store = store
        self._bytes_at_once = bytes_at_once

    def check(self, checked: Sequence[tuple[SopReference, int | None]], *, whole: bool = False) -> Checked:
        """Go on checking; what is left for the next time, after so many bytes, stays None. `whole`: nothing is.

        Every file is read and its checksum compared: who is told that an image is kept may delete its own.
        """
        kept = instances.by_sop_instance_uid(
            self._engine, [r.sop_instance_uid for r, reason in checked if reason is None]
        )
        budget = self._bytes_at_once
        result: Checked = []
        for reference, reason in checked:
            rows = kept.get(reference.sop_instance_uid, [])
            if reason is None and (whole or budget > 0):
                budget -= sum(row.size_bytes for row in rows)
                result.append((reference, self._reason(reference, rows)))
            else:
                result.append((reference, reason))
        return result

    def _reason(self, reference: SopReference, acknowledged: Sequence[Instance]) -> int:
        rows = [row for row in acknowledged if row.purged_at is None]
        if not rows:
            return FailureReason.NO_SUCH_OBJECT_INSTANCE
        if any(row.sop_class_uid != reference.sop_class_uid for row in rows):
            return FailureReason.CLASS_INSTANCE_CONFLICT
        damaged = [row for row in rows if not self._store.verify(row.relative_path, row.sha256, row.size_bytes)]
        if damaged:
            instances.note_damage(self._engine, damaged, utc_now())
            return FailureReason.PROCESSING_FAILURE
        return 0 if instances.promise(self._engine, rows, utc_now()) else FailureReason.NO_SUCH_OBJECT_INSTANCE


class CommitmentAnswering:
    """Answers one request at a time, whoever rings for it and however often."""

    def __init__(
        self,
        engine: Engine,
        keeping: SafeKeeping,
        way_to: WayToSender,
        settings: DeliverySettings,
        answer_attempts: int,
    ) -> None:
        self._engine = engine
        self._keeping = keeping
        self._way_to = way_to
        self._settings = settings
        self._answer_attempts = answer_attempts

    def on_asked(self, asked: CommitmentAsked) -> Callable[[SendReply], None] | None:
        """Keep a request; where no address is known, give what answers on its own association.

        Raises StoreUnavailable.
        """
        has_way = self._way_to(asked.calling_ae_title, asked.called_ae_title, asked.peer_address) is not None
        wait = timedelta() if has_way else timedelta(seconds=_OWN_ASSOCIATION_SECONDS)
        new = NewRequest(
            asked.calling_ae_title,
            asked.called_ae_title,
            asked.peer_address,
            asked.transaction_uid,
            asked.instances,
            asked.received_at,
        )
        request_id = commitment_requests.record(self._engine, new, utc_now() + wait)
        return None if has_way else lambda send: self._answer_here(request_id, send)

    def run(self, request_id: int, task_id: str) -> None:
        """Check and answer one request, if it is due. Raises StoreUnavailable: the lease then runs out."""
        limits = lanes_of(self._settings)
        claim = commitment_requests.claim(self._engine, request_id, task_id, utc_now(), self._lease, limits)
        if claim is None:
            _log.info("commitment_answer_not_begun", request_id=request_id)
            return
        if claim.attempt > self._answer_attempts:
            self._end_attempt(claim, "the process died while it answered", for_good=True)
            return
        checked = self._keeping.check(claim.checked)
        if any(reason is None for _, reason in checked):
            commitment_requests.keep_checked(self._engine, claim, checked, utc_now())
            return
        self._answer(claim, checked, lambda reply: self._send(claim, reply))

    def give_back(self, request_id: int, task_id: str, error: str) -> None:
        """End the attempt that `task_id` holds, after a failure outside the tree of our own errors."""
        claim = commitment_requests.held_by(self._engine, request_id, task_id)
        if claim is not None:
            self._end_attempt(claim, error, for_good=False)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self._settings.lease_seconds)

    def _answer_here(self, request_id: int, send: SendReply) -> None:
        # No association is opened for it, so that it needs no room.
        task_id = f"association-{request_id}"
        claim = commitment_requests.claim(self._engine, request_id, task_id, utc_now(), self._lease, early=True)
        if claim is not None:
            self._answer(claim, self._keeping.check(claim.checked, whole=True), send)

    def _answer(self, claim: RequestClaim, checked: Checked, send: SendReply) -> None:
        reply = CommitmentReply(
            claim.transaction_uid,
            tuple(reference for reference, reason in checked if reason == 0),
            tuple((reference, reason) for reference, reason in checked if reason),
        )
        try:
            send(reply)
        except CxrTriageError as error:
            for_good, answered = isinstance(error, Rejected), isinstance(error, PeerBusy)
            self._end_attempt(claim, f"{type(error).__name__}: {error}", for_good=for_good, answered=answered)
            return
        recorded = commitment_requests.finish(self._engine, claim, checked, utc_now())
        failed = len(reply.failed)
        _log.info("commitment_given", transaction_uid=claim.transaction_uid, failed=failed, recorded=recorded)

    def _send(self, claim: RequestClaim, reply: CommitmentReply) -> None:
        way = self._way_to(claim.calling_ae_title, claim.called_ae_title, claim.peer_address)
        if way is None:
            raise Rejected(
                f"no address is known for {claim.calling_ae_title}, and the association of its request is closed: "
                "give it a table [peers.NAME] with answer_to"
            )
        report_event(way, reply)

    def _end_attempt(self, claim: RequestClaim, error: str, *, for_good: bool, answered: bool = False) -> None:
        if for_good or claim.attempt >= self._answer_attempts:
            commitment_requests.fail(self._engine, claim, error)
            _log.error("commitment_answer_failed", request_id=claim.request_id, error=error)
            return
        wait = wait_before_retry(
            claim.attempt, self._settings.first_retry_seconds, self._settings.longest_retry_seconds
        )
        pauses = None if answered else pauses_of(self._settings)
        commitment_requests.try_again(self._engine, claim, utc_now(), error, wait=wait, pauses=pauses)
        _log.warning("commitment_answer_retry", request_id=claim.request_id, attempt=claim.attempt, error=error)
