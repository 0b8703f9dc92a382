"""A study in the store and in the database, as the listener leaves it."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydicom import dcmread
from pydicom.filereader import read_file_meta_info

from db import instances, results, studies
from db.tables import Result, Study
from tests.acceptance.xrays import write_xray
from tests.integration.db.builders import new_instance
from worker.bootstrap_work import WorkCollaborators


def store_study(
    collaborators: WorkCollaborators,
    folder: Path,
    view: str = "AP",
    study: int = 1,
    truth: str = "pneumonia",
    number: int = 1,
) -> Study:
    """Store one X-ray durably, record it, and let the sweep find the study quiet."""
    file = write_xray(folder, study, number, view=view, truth=truth)
    header = dcmread(file, stop_before_pixels=True)
    data_set = file.read_bytes()[144 + read_file_meta_info(file).FileMetaInformationGroupLength :]
    sha256 = hashlib.sha256(data_set).hexdigest()
    temporary = collaborators.store.new_temporary()
    temporary.write_bytes(file.read_bytes())
    placed = collaborators.store.place(temporary, header.StudyInstanceUID, header.SOPInstanceUID, sha256)
    received_at = datetime.now(UTC) - timedelta(minutes=1)
    new = new_instance(
        study=header.StudyInstanceUID,
        sop_instance_uid=str(header.SOPInstanceUID),
        series_instance_uid=str(header.SeriesInstanceUID),
        relative_path=placed.relative_path,
        size_bytes=placed.size_bytes,
        sha256=sha256,
        received_at=received_at,
    )
    instances.record_instance(collaborators.engine, new)
    instances.close_association(collaborators.engine, "a1", received_at)
    collaborators.readiness.sweep()
    return study_of(collaborators, header.StudyInstanceUID)


def study_of(collaborators: WorkCollaborators, study_instance_uid: str) -> Study:
    """Give the study as it is now."""
    study = studies.find(collaborators.engine, study_instance_uid)
    assert study is not None
    return study


def results_of(collaborators: WorkCollaborators, study: Study) -> list[Result]:
    """Give the study's results."""
    return list(results.of_study(collaborators.engine, study.id))
