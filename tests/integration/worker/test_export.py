import csv
import io
import json
from pathlib import Path

import pytest

from domain.errors import ConfigurationInvalid, CxrTriageError
from tests.acceptance.xrays import PATIENT_ID, PATIENT_NAME
from tests.integration.worker.stored import store_study
from tests.integration.worker.test_looking_after import Commands
from worker.bootstrap_work import WorkCollaborators


@pytest.fixture
def exported(collaborators: WorkCollaborators, tmp_path: Path) -> Commands:
    """Commands on a data folder with one study that was read and one that was not."""
    study = store_study(collaborators, tmp_path / "send", study=1)
    collaborators.analysis.run(study.id, "t")
    store_study(collaborators, tmp_path / "send", study=2)
    return Commands(tmp_path)


def test_an_export_has_a_row_for_every_study_with_its_newest_result(exported: Commands, tmp_path: Path) -> None:
    """As CSV and as lines of JSON the same; a file that is there is not overwritten."""
    rows = list(csv.DictReader(io.StringIO(exported.run("studies", "export"))))
    assert [(row["status"], row["assessment"], row["patient_id"]) for row in rows] == [
        ("ANALYSED", "suspected", PATIENT_ID),
        ("READY", "", PATIENT_ID),
    ]
    target = tmp_path / "export.json"
    exported.run("studies", "export", "--format", "json", "--output", str(target))
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line["study_instance_uid"] for line in lines] == [row["study_instance_uid"] for row in rows]
    assert 0 < lines[0]["probability"] <= 1
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigurationInvalid, match="cannot be made"):
        exported.run("studies", "export", "--output", str(target))
    assert exported.run("studies", "export", "--until", "2020-01-01") == ""


def test_a_deidentified_export_names_nobody(exported: Commands, tmp_path: Path) -> None:
    """No name, ID, UID or date; the same pseudonyms by the same key file, others without it."""
    key = tmp_path / "key"
    words = ("studies", "export", "--deidentify")
    first = exported.run(*words, "--key-file", str(key))
    for secret in (PATIENT_ID, *PATIENT_NAME.split("^"), "1.2.826", "2026", "MODALITY"):
        assert secret not in first
    assert exported.run(*words, "--key-file", str(key)) == first
    assert exported.run(*words) != first
    assert key.stat().st_mode & 0o077 == 0
    names = [row["study"] for row in csv.DictReader(io.StringIO(first))]
    assert len(set(names)) == 2
    key.write_text("short")
    with pytest.raises(ConfigurationInvalid, match="no key file"):
        exported.run(*words, "--key-file", str(key))
    with pytest.raises(CxrTriageError, match="needs --deidentify"):
        exported.run("studies", "export", "--key-file", str(key))
