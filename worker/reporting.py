"""From a stored result to the kept bytes of its reports."""

from collections.abc import Callable
from dataclasses import replace

from db import instances, reports, results
from db.session import Engine
from db.tables import Report, Result, Study
from dicom_gateway.capture import SECONDARY_CAPTURE
from dicom_gateway.codes import FindingScheme
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.lost_header import SourceHeader, header_or_identity
from dicom_gateway.report import COMPREHENSIVE_3D_SR, build_report
from dicom_gateway.report_content import Predecessor, ReportContent
from dicom_gateway.uids import report_series_uid, report_sop_instance_uid
from model.card import ModelCard


class ReportKeeper:
    """Builds each report of a result once; afterwards gives the kept bytes, so that sending again is harmless."""

    def __init__(
        self, engine: Engine, store: InstanceStore, card_of: Callable[[str], ModelCard], finding_scheme: FindingScheme
    ) -> None:
        """`card_of` gives the model card of a version; `finding_scheme` codes the finding."""
        self._engine = engine
        self._store = store
        self._card_of = card_of
        self._finding_scheme = finding_scheme

    def report_for(
        self, result_id: int, sop_class_uid: str = COMPREHENSIVE_3D_SR, capture: Report | None = None
    ) -> Report:
        """Give the report of a result as one SOP class, built now or kept from before.

        `capture` is the heat map that it shall refer to: another instance than the report without.
        Raises StoreUnavailable, and ConfigurationInvalid when the result's model version is not installed any more.
        """
        result, study = results.with_study(self._engine, result_id)
        uid = report_sop_instance_uid(
            study.study_instance_uid,
            result.revision,
            result.model_version,
            sop_class_uid,
            shows_heat_map=capture is not None,
        )
        kept = reports.report_by_uid(self._engine, uid)
        if kept is not None:
            return kept
        made = Report(
            result_id=result.id,
            sop_class_uid=sop_class_uid,
            sop_instance_uid=uid,
            series_instance_uid=report_series_uid(study.study_instance_uid),
            shows_heat_map=capture is not None,
            content=self._build(result, study, sop_class_uid, capture),
            created_at=result.created_at,
        )
        return reports.keep_report(self._engine, made)

    def content_of(self, result: Result) -> ReportContent:
        """Give what is said of a result, whatever is written of it; raises as `report_for` does."""
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
            analysed_sop_instance_uid=instances.by_id(self._engine, analysed).sop_instance_uid if analysed else None,
            finding_scheme=self._finding_scheme,
        )

    def headers_of(self, result: Result, study: Study) -> list[SourceHeader]:
        """Give the headers, as received, of every instance that was considered; of a lost one its UIDs only."""
        rows = instances.considered(self._engine, result.study_id, result.considered)
        return [
            header_or_identity(
                self._store.path_of(row.relative_path),
                study_instance_uid=study.study_instance_uid,
                series_instance_uid=row.series_instance_uid,
                sop_class_uid=row.sop_class_uid,
                sop_instance_uid=row.sop_instance_uid,
            )
            for row in rows
        ]

    def _build(self, result: Result, study: Study, sop_class_uid: str, capture: Report | None) -> bytes:
        content = replace(
            self.content_of(result),
            predecessors=self._predecessors(result, study, sop_class_uid),
            capture_sop_instance_uid=capture.sop_instance_uid if capture else None,
        )
        return build_report(content, self.headers_of(result, study), sop_class_uid)

    def _predecessors(self, result: Result, study: Study, sop_class_uid: str) -> tuple[Predecessor, ...]:
        """Name what was written of the superseded result, whatever a destination got of it.

        Where nothing was written yet it will be, most likely as the same SOP class; its UIDs are derived.
        """
        if result.supersedes_id is None:
            return ()
        earlier, _ = results.with_study(self._engine, result.supersedes_id)
        kept = [r for r in reports.reports_of(self._engine, earlier.id) if r.sop_class_uid != SECONDARY_CAPTURE]
        if kept:
            return tuple(Predecessor(r.sop_class_uid, r.sop_instance_uid, r.series_instance_uid) for r in kept)
        uid = report_sop_instance_uid(study.study_instance_uid, earlier.revision, earlier.model_version, sop_class_uid)
        return (Predecessor(sop_class_uid, uid, report_series_uid(study.study_instance_uid)),)
