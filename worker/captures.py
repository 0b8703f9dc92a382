"""From a kept heat map and the stored image to the kept bytes of their capture. Joins the model's and the gateway's."""

from collections.abc import Callable

import numpy as np
import structlog

from db import heat_maps, instances, reports, results
from db.session import Engine
from db.tables import HeatMap, Instance, Report, Result
from dicom_gateway.capture import SECONDARY_CAPTURE, build_capture
from dicom_gateway.capture_picture import Picture, framed
from dicom_gateway.display import image_from_file
from dicom_gateway.header import read_header
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.report_content import ReportContent
from dicom_gateway.report_words import finding_words
from dicom_gateway.uids import capture_series_uid, capture_sop_instance_uid
from domain.errors import InstanceInvalid, NotAnalysable
from domain.finding import Assessment
from model.gate_statistics import UPRIGHT, Turn
from model.heatmap import colours, overlay
from model.heatmap_levels import HeatMapLevels, from_levels

_log = structlog.get_logger()

_BRIGHTEST = 255
_EXPLANATION = "Where the suspicion in this image comes from. No outline of disease, and no second finding."


class CaptureKeeper:
    """Builds a result's capture once; afterwards gives the kept bytes."""

    def __init__(self, engine: Engine, store: InstanceStore, content_of: Callable[[Result], ReportContent]) -> None:
        """`content_of` gives what is said of a result."""
        self._engine = engine
        self._store = store
        self._content_of = content_of

    def capture_for(self, result_id: int) -> Report | None:
        """Give the capture of a result, built now or kept from before; None when it has none.

        Only a suspicion has one: where nothing is suspected the hottest place is hardly warm, and would look as hot.
        Raises StoreUnavailable.
        """
        result, study = results.with_study(self._engine, result_id)
        if result.assessment is not Assessment.SUSPECTED or result.analysed_instance_id is None:
            return None
        uid = capture_sop_instance_uid(study.study_instance_uid, result.revision, result.model_version)
        kept = reports.report_by_uid(self._engine, uid)
        if kept is not None:
            return kept
        content = self._build(result, result.analysed_instance_id)
        if content is None:
            return None
        made = Report(
            result_id=result.id,
            sop_class_uid=SECONDARY_CAPTURE,
            sop_instance_uid=uid,
            series_instance_uid=capture_series_uid(study.study_instance_uid),
            content=content,
            created_at=result.created_at,
        )
        return reports.keep_report(self._engine, made)

    def _build(self, result: Result, instance_id: int) -> bytes | None:
        """Give the bytes of a new capture; None when its ingredients are gone."""
        heat_map = heat_maps.of_result(self._engine, result.id)
        image = instances.by_id(self._engine, instance_id)
        if heat_map is None or not self._store.verify(image.relative_path, image.sha256, image.size_bytes):
            _log.warning("capture_not_made", result_id=result.id, has_heat_map=heat_map is not None)
            return None
        try:
            return self._painted(result, heat_map, image)
        except (InstanceInvalid, NotAnalysable, ValueError) as error:  # a picture must never cost the report
            _log.warning("capture_not_made", result_id=result.id, error=str(error))
            return None

    def _painted(self, result: Result, heat_map: HeatMap, image: Instance) -> bytes:
        path = self._store.path_of(image.relative_path)
        turn = Turn(heat_map.quarter_turns, heat_map.inverted)
        content = self._content_of(result)
        picture = _picture(turn.apply(image_from_file(path).pixels), heat_map, turn, content)
        return build_capture(content, read_header(path), picture, is_as_stored=turn == UPRIGHT)


def _picture(
    image: np.ndarray[tuple[int, ...], np.dtype[np.float32]], heat_map: HeatMap, turn: Turn, content: ReportContent
) -> Picture:
    """Paint the heat over the image as it was read, with its words."""
    painted = overlay(image, from_levels(HeatMapLevels(heat_map.levels, heat_map.hottest)))
    turned = () if turn == UPRIGHT else (f"Shown as it was read: turned {turn}.",)
    notes = (_EXPLANATION, *turned, f"{content.model_name} {content.model_version}")
    return framed(painted, np.rint(colours() * _BRIGHTEST).astype(np.uint8), finding_words(content), notes)
