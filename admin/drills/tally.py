"""The count at the end of a drill: what was acknowledged against what is there."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields

from admin.drills.rig import Rig
from admin.drills.xrays import Xray
from db import deliveries, instances, reports, results
from db.tables import Result, Study
from domain.study import ARRIVED


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of everything in a drill; two of them can be added."""

    rounds: int = 0
    #: Instances answered with success, each content of one UID counted once.
    acknowledged: int = 0
    #: Of these, those whose row is there and whose file has the right checksum.
    stored: int = 0
    #: Results: one for each study revision.
    analysed: int = 0
    #: Study revisions with exactly one report in the PACS.
    reported_once: int = 0
    #: Reports too many: a second one for a study revision, or the same UID with other bytes.
    twice: int = 0
    #: Acknowledged instances that are not kept whole, and reports that count as sent and are not in the PACS.
    lost: int = 0
    #: Studies that did not come to an end in time, or came to a wrong one.
    stuck: int = 0
    #: Times a sender was told to try again, or was not answered: no fault.
    turned_away: int = 0
    #: Stores of a report beyond its first one, of the same bytes under the same UID: harmless.
    sent_again: int = 0
    #: From the end of a fault until everything that was acknowledged was reported.
    longest_recovery_seconds: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        names = [field.name for field in fields(self) if field.name != "longest_recovery_seconds"]
        longest = max(self.longest_recovery_seconds, other.longest_recovery_seconds)
        return Tally(
            **{name: getattr(self, name) + getattr(other, name) for name in names}, longest_recovery_seconds=longest
        )

    @property
    def holds(self) -> bool:
        """Nothing lost, nothing twice, nothing stuck, and something was acknowledged at all."""
        return self.acknowledged > 0 and not (self.lost or self.twice or self.stuck)


@dataclass(frozen=True, slots=True)
class _StudyCount:
    """One study's part of the tally."""

    stored: int
    missing: int
    analysed: int
    reported_once: int
    unreported: int
    extra: int


def count(rig: Rig, rounds: int) -> Tally:
    """Count what became of everything in a rig's ledger."""
    in_pacs: defaultdict[str, set[str]] = defaultdict(set)
    for report in rig.pacs.reports:
        in_pacs[str(report.StudyInstanceUID)].add(str(report.SOPInstanceUID))
    parts = [_count_study(rig, uid, xrays, in_pacs[uid]) for uid, xrays in rig.ledger.studies().items()]
    attempts = [attempt for attempt in rig.pacs.attempts if attempt.is_kept]
    contents = {(attempt.sop_instance_uid, attempt.sha256) for attempt in attempts}
    uids = {attempt.sop_instance_uid for attempt in attempts}
    return Tally(
        rounds=rounds,
        acknowledged=len(rig.ledger.acknowledged),
        stored=sum(part.stored for part in parts),
        analysed=sum(part.analysed for part in parts),
        reported_once=sum(part.reported_once for part in parts),
        twice=sum(part.extra for part in parts) + len(contents) - len(uids),
        lost=sum(part.missing + part.unreported for part in parts),
        stuck=sum(not rig.is_settled(uid) for uid in rig.ledger.studies()),
        turned_away=rig.ledger.turned_away,
        sent_again=len(attempts) - len(uids),
        longest_recovery_seconds=rig.longest_recovery,
    )


def _count_study(rig: Rig, study_instance_uid: str, xrays: Iterable[Xray], in_pacs: set[str]) -> _StudyCount:
    study = rig.study(study_instance_uid)
    expected = set(xrays) - rig.ledger.damaged
    if study is None:
        return _StudyCount(0, len(expected), 0, 0, 0, 0)
    sound = _sound(rig, study)
    history = results.of_study(rig.collaborators.engine, study.id)
    kept = [report for result in history for report in reports.reports_of(rig.collaborators.engine, result.id)]
    ours = {report.sop_instance_uid for report in kept}
    sent = [result for result in history if _is_sent(rig, result)]
    return _StudyCount(
        stored=len({xray for xray in xrays if (xray.sop_instance_uid, xray.sha256) in sound}),
        missing=len({xray for xray in expected if (xray.sop_instance_uid, xray.sha256) not in sound}),
        analysed=len(history),
        reported_once=len(ours & in_pacs),
        unreported=max(0, len(sent) - len(ours & in_pacs)),
        extra=len(in_pacs - ours),
    )


def _sound(rig: Rig, study: Study) -> set[tuple[str, str]]:
    """Name the instances, by UID and checksum, whose file is what was acknowledged."""
    verify = rig.collaborators.store.verify
    rows = instances.all_of_study(rig.collaborators.engine, study.id)
    return {(row.sop_instance_uid, row.sha256) for row in rows if verify(row.relative_path, row.sha256, row.size_bytes)}


def _is_sent(rig: Rig, result: Result) -> bool:
    opened = deliveries.of_result(rig.collaborators.engine, result.id)
    return bool(opened) and all(delivery.state in ARRIVED for delivery in opened)
