"""From a stored result to the kept bytes of its report."""

from collections.abc import Callable

from db import instances, results
from db.session import Engine
from db.tables import Report, Result, Study
from dicom_gateway.codes import FindingScheme
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.lost_header import header_or_identity
from dicom_gateway.report import COMPREHENSIVE_3D_SR, build_report
from dicom_gateway.report_content import Predecessor, ReportContent
from dicom_gateway.uids import report_series_uid, report_sop_instance_uid
from model.card import ModelCard


class ReportKeeper:
    """Builds a result's report once; afterwards gives the kept bytes, so that sending again is harmless."""

    def __init__(
        self, engine: Engine, store: InstanceStore, card_of: Callable[[str], ModelCard], finding_scheme: FindingScheme
    ) -> None:
        """`card_of` gives the model card of a version; `finding_scheme` codes the finding."""
        self._engine = engine
        self._store = store
        self._card_of = card_of
        self._finding_scheme = finding_scheme

    def report_for(self, result_id: int) -> Report:
        """Give the report of a result, built now or kept from before.

        Raises StoreUnavailable, and ConfigurationInvalid when the result's model version is not installed any more.
        """
        kept = results.report_of(self._engine, result_id)
        if kept is not None:
            return kept
        result, study = results.with_study(self._engine, result_id)
        return results.keep_report(self._engine, self._build(result, study))

    def _build(self, result: Result, study: Study) -> Report:
        rows = instances.considered(self._engine, result.study_id, result.considered)
        headers = [
            header_or_identity(
                self._store.path_of(row.relative_path),
                study_instance_uid=study.study_instance_uid,
                series_instance_uid=row.series_instance_uid,
                sop_class_uid=row.sop_class_uid,
                sop_instance_uid=row.sop_instance_uid,
            )
            for row in rows
        ]
        return Report(
            result_id=result.id,
            sop_class_uid=COMPREHENSIVE_3D_SR,
            sop_instance_uid=report_sop_instance_uid(study.study_instance_uid, result.revision, result.model_version),
            series_instance_uid=report_series_uid(study.study_instance_uid),
            content=build_report(self._content(result, study), headers, COMPREHENSIVE_3D_SR),
            created_at=result.created_at,
        )

    def _content(self, result: Result, study: Study) -> ReportContent:
        card = self._card_of(result.model_version)
        analysed = result.analysed_instance_id
        return ReportContent(
            study_revision=result.revision,
            created_at=result.created_at.astimezone(),
            model_name=card.name,
            model_version=card.version,
            manufacturer=card.manufacturer,
            algorithm_parameters=f"preprocessing {card.preprocess_version}",
            assessment=result.assessment,
            probability=result.probability,
            operating_point=results.operating_point_of(result),
            refusal=results.refusal_of(result),
            reading_priority=result.reading_priority,
            analysed_sop_instance_uid=instances.sop_instance_uid_of(self._engine, analysed) if analysed else None,
            predecessors=self._predecessors(result, study),
            finding_scheme=self._finding_scheme,
        )

    def _predecessors(self, result: Result, study: Study) -> tuple[Predecessor, ...]:
        """Name the superseded result's report: its UIDs are derived, whether it was sent yet or not."""
        if result.supersedes_id is None:
            return ()
        earlier, _ = results.with_study(self._engine, result.supersedes_id)
        uid = report_sop_instance_uid(study.study_instance_uid, earlier.revision, earlier.model_version)
        return (Predecessor(COMPREHENSIVE_3D_SR, uid, report_series_uid(study.study_instance_uid)),)
