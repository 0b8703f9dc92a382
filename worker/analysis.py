"""The task analyse_study: claim, read, commit. Safe to run twice, or on two workers at once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from config.settings import AnalysisSettings
from db import instances, results, studies
from db.heat_maps import NewHeatMap
from db.results import NewResult
from db.session import Engine
from db.studies import Claim
from db.tables import Instance
from dicom_gateway.instance_store import InstanceStore
from domain.clock import utc_now
from domain.errors import BrokerUnavailable, CxrTriageError
from domain.failpoints import Failpoint, failpoint
from domain.priority import reading_priority
from model.heatmap_levels import to_levels
from worker.attempts import end_analysis
from worker.pipeline import Pipeline, Reading, StoredImage
from worker.queue import Doorbell
from worker.store_check import StoreCheck

_log = structlog.get_logger()


class StudyAnalysis:
    """Analyses one study at a time, whoever rings for it and however often."""

    def __init__(
        self,
        engine: Engine,
        store: InstanceStore,
        pipeline: Callable[[str | None], Pipeline],
        doorbell: Doorbell,
        settings: AnalysisSettings,
        destinations: Sequence[str],
    ) -> None:
        """`pipeline` gives that of a version, or with None the one in force: it may change while the service runs."""
        self._engine = engine
        self._store = store
        self._check = StoreCheck(engine, store)
        self._pipeline = pipeline
        self._doorbell = doorbell
        self._settings = settings
        self._destinations = destinations

    def warm_up(self) -> None:
        """Load the network before the first study comes."""
        self._pipeline(None).warm_up()

    def run(self, study_id: int, task_id: str) -> None:
        """Analyse the study if it is to be had; what fails is given back with a wait, or FAILED.

        Raises StoreUnavailable when not even that can be written down: the lease then runs out.
        """
        lease = timedelta(seconds=self._settings.lease_seconds)
        claim = studies.claim(self._engine, study_id, task_id, utc_now(), lease)
        if claim is None:
            _log.info("analysis_not_needed", study_id=study_id)
            return
        if claim.attempt > self._settings.max_attempts:
            end_analysis(self._engine, claim, self._settings, "the analysis process died or hung")
            return
        try:
            self._analyse(claim)
        except CxrTriageError as error:
            end_analysis(self._engine, claim, self._settings, f"{type(error).__name__}: {error}")

    def give_back(self, study_id: int, task_id: str, error: str) -> None:
        """End the attempt that `task_id` holds, after a failure outside the tree of our own errors."""
        claim = studies.held_by(self._engine, study_id, task_id)
        if claim is not None:
            end_analysis(self._engine, claim, self._settings, error)

    def _analyse(self, claim: Claim) -> None:
        failpoint(Failpoint.ANALYSE_AFTER_CLAIM, claim.study_instance_uid)
        rows = instances.newest_of_study(self._engine, claim.study_id)
        images = [StoredImage(row.sop_instance_uid, self._store.path_of(row.relative_path)) for row in rows]
        pipeline = self._pipeline(claim.wanted_version)
        damaged = [row.sop_instance_uid for row in self._check.damaged(rows)]
        purged = [row.sop_instance_uid for row in rows if row.purged_at is not None]
        failpoint(Failpoint.ANALYSE_BEFORE_DECODE, claim.study_instance_uid)
        reading = pipeline.read_study(images, damaged, purged)
        new = _new_result(reading, rows, pipeline.version)
        shadow = _shadow_result(reading, new, pipeline.shadow_version)
        failpoint(Failpoint.ANALYSE_BEFORE_COMMIT, claim.study_instance_uid)
        delivery_ids = results.commit_result(self._engine, claim, new, self._destinations, utc_now(), shadow)
        if delivery_ids is None:
            _log.info("analysis_overtaken", study_instance_uid=claim.study_instance_uid, revision=claim.revision)
            return
        failpoint(Failpoint.ANALYSE_AFTER_COMMIT, claim.study_instance_uid)
        _log.info(
            "study_analysed",
            study_instance_uid=claim.study_instance_uid,
            revision=claim.revision,
            assessment=reading.assessment.value,
            refusal=reading.refusal.code.value if reading.refusal else None,
        )
        self._ring(delivery_ids)

    def _ring(self, delivery_ids: list[int]) -> None:
        try:
            self._doorbell.ring_for_deliveries(delivery_ids)
        except BrokerUnavailable as error:
            _log.warning("doorbell_not_rung", error=str(error))  # the sweep rings again


def _new_result(reading: Reading, rows: Sequence[Instance], version: str) -> NewResult:
    row_ids = {row.sop_instance_uid: row.id for row in rows}
    analysed = reading.analysed_sop_instance_uid
    return NewResult(
        model_version=version,
        assessment=reading.assessment,
        probability=reading.probability,
        operating_point=reading.operating_point,
        refusal=reading.refusal,
        analysed_instance_id=row_ids[analysed] if analysed else None,
        considered=reading.considered,
        notes=reading.notes,
        reading_priority=reading_priority(reading.assessment, reading.ordered_priorities),
        heat_map=_heat_map(reading),
    )


def _heat_map(reading: Reading) -> NewHeatMap | None:
    """Give what explains a scored image, small enough to be kept."""
    if reading.explained is None:
        return None
    small, turn = to_levels(reading.explained.heat_map), reading.explained.turn
    return NewHeatMap(small.levels, small.hottest, turn.quarter_turns, turn.invert)


def _shadow_result(reading: Reading, new: NewResult, version: str | None) -> NewResult | None:
    """Say what the shadow version found in the same image."""
    if reading.shadow is None or version is None:
        return None
    return replace(
        new,
        model_version=version,
        assessment=reading.shadow.assessment,
        probability=reading.shadow.probability,
        operating_point=reading.shadow.operating_point,
        refusal=reading.shadow.refusal,
        reading_priority=reading_priority(reading.shadow.assessment, reading.ordered_priorities),
        heat_map=None,
    )
