"""Rows of the database as the API shows them."""

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta

from db import results
from db.tables import Delivery, Instance, Report, Result, Study
from db.worklist import Place, Row
from dicom_gateway.report_rendering import ContentLine
from worklist import words
from worklist.api_models import (
    GREATEST_ID,
    ContentItem,
    DeliveryShown,
    ImageShown,
    OperatingPointShown,
    Patient,
    RefusalShown,
    ReportShown,
    ResultShown,
    StudyLine,
)

BASE = "/api/v1"
#: More than any moment in milliseconds.
_GREATEST_VALUE = 2**53


def result_shown(result: Result) -> ResultShown:
    """Show one result."""
    point, refusal = results.operating_point_of(result), results.refusal_of(result)
    return ResultShown(
        id=result.id,
        revision=result.revision,
        model_version=result.model_version,
        assessment=result.assessment,
        probability=result.probability,
        operating_point=OperatingPointShown(**asdict(point)) if point else None,
        refusal=RefusalShown(code=refusal.code, words=refusal.code.words, detail=refusal.detail) if refusal else None,
        reading_priority=result.reading_priority,
        notes=result.notes,
        analysed_instance_id=result.analysed_instance_id,
        created_at=result.created_at,
        supersedes_id=result.supersedes_id,
    )


def study_line(row: Row, viewer_url: str, now: datetime, max_wait: timedelta) -> StudyLine:
    """Show one line of the list."""
    entry, study, result = row.entry, row.study, row.result
    return StudyLine(
        id=entry.token,
        study_instance_uid=study.study_instance_uid,
        revision=study.revision,
        status=study.status,
        reading_state=entry.reading_state,
        reader=entry.reader,
        reading_priority=entry.reading_priority,
        reason=words.reason(row, now, max_wait),
        waiting_since=row.waiting_since,
        patient=Patient(
            name=entry.patient_name,
            id=entry.patient_id,
            birth_date=entry.birth_date,
            sex=entry.sex,
            age=words.age(entry),
        ),
        study_moment=entry.study_moment,
        accession_number=entry.accession_number,
        study_description=entry.study_description,
        result=result_shown(result) if result is not None else None,
        not_analysed=words.not_analysed(study, result),
        viewer_url=viewer_url,
    )


def image_shown(token: str, image: Instance, result: Result | None) -> ImageShown:
    """Show one image."""
    return ImageShown(
        id=image.id,
        sop_instance_uid=image.sop_instance_uid,
        sop_class_uid=image.sop_class_uid,
        received_at=image.received_at,
        is_analysed=result is not None and result.analysed_instance_id == image.id,
        png=f"{BASE}/studies/{token}/images/{image.id}",
    )


def report_shown(token: str, report: Report) -> ReportShown:
    """Show one report."""
    path = f"{BASE}/studies/{token}/reports/{report.id}"
    return ReportShown(
        id=report.id,
        result_id=report.result_id,
        sop_instance_uid=report.sop_instance_uid,
        sop_class_uid=report.sop_class_uid,
        created_at=report.created_at,
        tree=path,
        file=f"{path}/file",
    )


def delivery_shown(delivery: Delivery, result: Result, study: Study) -> DeliveryShown:
    """Show one delivery."""
    return DeliveryShown(
        id=delivery.id,
        study_instance_uid=study.study_instance_uid,
        revision=result.revision,
        destination=delivery.destination,
        state=delivery.state,
        attempts=delivery.attempts,
        next_attempt_at=delivery.next_attempt_at,
        sent_at=delivery.sent_at,
        confirm_at=delivery.confirm_at,
        confirmation=delivery.confirmation,
        losses=delivery.losses,
        last_error=delivery.last_error,
    )


def content_tree(lines: Iterable[ContentLine]) -> ContentItem:
    """Nest the lines of a report, the first of which is its root."""
    path: list[ContentItem] = []
    for line in lines:
        item = ContentItem(relationship=line.relationship, name=line.name, value=line.value)
        del path[line.depth :]
        if path:
            path[-1].children.append(item)
        path.append(item)
    return path[0]


def cursor_of(place: Place, order: str) -> str:
    """Write a place of a list in this order down, without patient data."""
    text = json.dumps([order, place.study_id, place.value])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of_cursor(cursor: str, order: str, *, is_number: bool) -> Place | None:
    """Give the place back; None when the cursor is none of ours, or of a list in another order.

    `is_number`: whether that order is by a number.
    """
    try:
        kept = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:  # also what is no Base64, no UTF-8 or no JSON
        return None
    match kept:
        case [str(kept_order), int(study_id), None] if not is_number:
            place = Place(study_id, None)
        case [str(kept_order), int(study_id), int() | float() as value] if is_number and abs(value) < _GREATEST_VALUE:
            place = Place(study_id, value)
        case _:
            return None
    return place if kept_order == order and 0 < study_id <= GREATEST_ID else None
