"""Drill 5: a PACS that refuses, breaks off, answers too late or loses; and one that was away for an hour."""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import Load, new_load, sleep_at_random
from admin.drills.rig import Rig, wait_until
from admin.drills.tally import Tally, count
from admin.drills.xrays import write_studies
from db import deliveries, overview, peers, results
from db.tables import Delivery
from dicom_gateway.pacs_commitment import CommitmentMode
from dicom_gateway.pacs_faults import NO_FAULTS, Faults
from dicom_gateway.status import Status
from domain.errors import Rejected
from domain.retry import JITTER
from domain.study import DeliveryState, StudyStatus

#: For how long a fault stays after it was first met.
_FAULT_SECONDS = 2.0
_RESPONSE_SECONDS, _LATE_SECONDS = 3.0, 5.0
_KEPT = frozenset({DeliveryState.COMMITTED, DeliveryState.VERIFIED})
#: A PACS that loses for seconds does so many times over, where a second is what an hour is elsewhere.
_PATIENT_WITH_LOSSES = {"CXR_COMMITMENT__RESEND_ATTEMPTS": "1000"}

#: Reports that wait in each round of the drill of the hour; 100 rounds make 5,000.
_REPORTS = 50
#: More processes than may send to one destination at once.
_PROCESSES, _PARALLEL_SENDS = 4, 2
#: The waits of config/default.toml: the drill moves the clock instead of making them short.
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS, _LONGEST_PAUSE_SECONDS = 5.0, 600.0, 60.0
_USUAL_WAITS = {
    "CXR_DELIVERY__PROCESSES": str(_PROCESSES),
    "CXR_DELIVERY__PARALLEL_SENDS": str(_PARALLEL_SENDS),
    "CXR_DELIVERY__FIRST_RETRY_SECONDS": str(_FIRST_RETRY_SECONDS),
    "CXR_DELIVERY__LONGEST_RETRY_SECONDS": str(_LONGEST_RETRY_SECONDS),
    "CXR_DELIVERY__LONGEST_PAUSE_SECONDS": str(_LONGEST_PAUSE_SECONDS),
}
#: Patience for each report: long, because a slow machine is no fault.
_SECONDS_A_REPORT = 6.0
_HOUR_STEPS, _STEP = 6, timedelta(minutes=10)


def _manners(run: DrillRun) -> Tally:
    with Rig(run.folder, _PATIENT_WITH_LOSSES, destination={"response_timeout_seconds": _RESPONSE_SECONDS}) as rig:
        for number in run.each_round():
            load = new_load(rig, f"pacs-{number}")
            over_at = _MANNERS[number % len(_MANNERS)](rig, run, load)
            rig.settle(load.study_uids, over_at)
            wait_until(lambda uids=load.study_uids: _all_are(rig, uids, _KEPT), "every report known to be kept")  # type: ignore[misc]
        return count(rig, run.rounds)


def _fault(faults: Faults) -> Callable[[Rig, DrillRun, Load], float]:
    """Make a round in which the PACS has a fault for a while; gives when it was over."""

    def meet(rig: Rig, run: DrillRun, load: Load) -> float:
        seen = len(rig.pacs.attempts)
        rig.pacs.set_faults(faults)
        with load:
            if not faults.refuse_association:
                wait_until(lambda: len(rig.pacs.attempts) > seen, "a report that meets the fault")
            sleep_at_random(run.chance, _FAULT_SECONDS)
        wait_until(lambda: _any_tried(rig, load.study_uids), "an attempt that failed, or was thought to succeed")
        rig.pacs.set_faults(NO_FAULTS)
        return time.monotonic()

    return meet


def _lose(mode: CommitmentMode) -> Callable[[Rig, DrillRun, Load], float]:
    """Make a round in which the PACS answers success and keeps nothing; it commits, or can only be queried."""
    meet = _fault(Faults(answer_and_drop=True))

    def lose(rig: Rig, run: DrillRun, load: Load) -> float:
        rig.set_commitment(mode)
        over_at = meet(rig, run, load)
        wait_until(lambda: _all_are(rig, load.study_uids, _KEPT), "what was lost found out and sent again")
        rig.set_commitment(CommitmentMode.HONEST)
        return over_at

    return lose


def _refuse_for_good(rig: Rig, run: DrillRun, load: Load) -> float:
    """Refuse with A900: the reports are FAILED at once, listed, and sent by command once the PACS takes them."""
    rig.pacs.set_faults(Faults(refuse_status=int(Status.DATA_SET_DOES_NOT_MATCH)))
    with load:
        sleep_at_random(run.chance, _FAULT_SECONDS)
    wait_until(lambda: _all_are(rig, load.study_uids, {DeliveryState.FAILED}), "reports given up")
    rig.pacs.set_faults(NO_FAULTS)
    ids = [delivery.id for delivery in _deliveries(rig, load.study_uids)]
    deliveries.resend(rig.collaborators.engine, ids, datetime.now(UTC), "drill")
    return time.monotonic()


def _close(rig: Rig, run: DrillRun, load: Load) -> float:
    """Close its port, and abort what is open."""
    with load:
        sleep_at_random(run.chance, _FAULT_SECONDS)
        rig.pacs.stop()
        sleep_at_random(run.chance, _FAULT_SECONDS)
    wait_until(lambda: _any_tried(rig, load.study_uids), "an attempt that failed")
    rig.pacs.start()
    return time.monotonic()


_MANNERS: tuple[Callable[[Rig, DrillRun, Load], float], ...] = (
    _lose(CommitmentMode.HONEST),
    _fault(Faults(answer_delay_seconds=_LATE_SECONDS, fault_count=2)),
    _lose(CommitmentMode.REFUSE),
    _fault(Faults(abort_in_transfer=True)),
    _refuse_for_good,
    _fault(Faults(refuse_association=True)),
    _fault(Faults(refuse_status=int(Status.OUT_OF_RESOURCES))),
    _close,
)


def _deliveries(rig: Rig, uids: Sequence[str]) -> list[Delivery]:
    """Give every delivery of these studies; one that has none yet counts as not there."""
    engine = rig.collaborators.engine
    studies = [study for uid in uids if (study := rig.study(uid))]
    return [d for s in studies for r in results.of_study(engine, s.id) for d in deliveries.of_result(engine, r.id)]


def _any_tried(rig: Rig, uids: Sequence[str]) -> bool:
    return any(delivery.attempts for delivery in _deliveries(rig, uids))


def _all_are(rig: Rig, uids: Sequence[str], states: Collection[DeliveryState]) -> bool:
    found = _deliveries(rig, uids)
    return len(found) >= len(uids) and all(delivery.state in states for delivery in found)


def _hour(run: DrillRun) -> Tally:
    with Rig(run.folder, _USUAL_WAITS) as rig:
        began_at, patience = time.monotonic(), run.rounds * _REPORTS * _SECONDS_A_REPORT
        rig.pacs.stop()
        names = [f"hour-{number}" for number in range(run.rounds * _REPORTS)]
        load = Load(rig, write_studies(run.folder / "to-send", names, 1), senders=4, patience_seconds=patience)
        with load:
            pass
        wait_until(lambda: _is_read(rig, load.study_uids), "every study read", patience)
        for _ in range(_HOUR_STEPS):
            tried = _failures(rig)
            rig.failpoints.set_clock(rig.failpoints.clock_offset() + _STEP)
            wait_until(lambda before=tried: _failures(rig) > before, "the PACS that is away tried again", patience)  # type: ignore[misc]
        elapsed = time.monotonic() - began_at + rig.failpoints.clock_offset().total_seconds()
        _expect_patience(_deliveries(rig, load.study_uids), elapsed)
        rig.pacs.start()
        rig.failpoints.set_clock(rig.failpoints.clock_offset() + timedelta(seconds=_LONGEST_PAUSE_SECONDS))
        rig.settle(load.study_uids, time.monotonic(), patience)
        _expect_no_storm(rig)
        return count(rig, run.rounds)


def _is_read(rig: Rig, uids: Sequence[str]) -> bool:
    return overview.studies_by_status(rig.collaborators.engine)[StudyStatus.ANALYSED] == len(uids)


def _failures(rig: Rig) -> int:
    return sum(peer.failures for peer in peers.failing(rig.collaborators.engine))


def _expect_patience(waiting: Sequence[Delivery], elapsed_seconds: float) -> None:
    """Raise Rejected where a report, or the PACS by all of them together, was tried more often than the waits allow."""
    most = 1 + _most_waits(elapsed_seconds, _LONGEST_RETRY_SECONDS)
    if (tried := max(delivery.attempts for delivery in waiting)) > most:
        raise Rejected(f"a report was tried {tried} times in {elapsed_seconds:.0f} s, which allow {most}")
    # The pauses begin when what was under way has failed.
    most = _PARALLEL_SENDS + _most_waits(elapsed_seconds, _LONGEST_PAUSE_SECONDS)
    if (tried := sum(delivery.attempts for delivery in waiting)) > most:
        raise Rejected(f"the PACS was tried {tried} times in {elapsed_seconds:.0f} s, which allow {most}")


def _most_waits(seconds: float, longest_seconds: float) -> int:
    """Count the waits that are over after so long a time, where each is as short as jitter makes it."""
    count, passed, wait = 0, 0.0, _FIRST_RETRY_SECONDS
    while (passed := passed + wait * (1 - JITTER)) <= seconds:
        count, wait = count + 1, min(2 * wait, longest_seconds)
    return count


def _expect_no_storm(rig: Rig) -> None:
    """Raise Rejected unless the PACS got each report once, and no more associations at once than allowed."""
    sent = [attempt.sop_instance_uid for attempt in rig.pacs.attempts]
    if len(sent) != len(set(sent)):
        raise Rejected(f"the PACS that came back was sent {len(sent)} reports, of which {len(set(sent))} differ")
    if rig.pacs.most_associations > _PARALLEL_SENDS:
        raise Rejected(
            f"{rig.pacs.most_associations} associations with the PACS at once, of which {_PARALLEL_SENDS} may be"
        )


DRILLS = (
    Drill("pacs", "a PACS that refuses, aborts, answers too late, closes, or takes and loses", 48, 3, _manners),
    Drill("pacs-hour", "a PACS that comes back after an hour, 50 reports a round waiting for it", 100, 1, _hour),
)
