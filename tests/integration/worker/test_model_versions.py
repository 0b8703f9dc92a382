import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from admin.cli import build_app
from config.load import load_settings
from db import deliveries, model_roles, reprocessing, results
from db.model_roles import Role
from db.reprocessing import Request
from domain.errors import ConfigurationInvalid
from model.classifier import packaged_weights
from model.versions import DEFAULT_VERSION
from tests.integration.worker.stored import results_of, store_study
from worker.bootstrap_work import WorkCollaborators
from worker.model_versions import ModelVersions

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def second_version(tmp_path: Path) -> str:
    """A weights folder with the default version and a copy of it under another name, as the configured one."""
    root = tmp_path / "weights"
    for name in (DEFAULT_VERSION, "second"):
        shutil.copytree(packaged_weights() / DEFAULT_VERSION, root / name)
    card = root / "second" / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"version": "second"}))
    return "second"


@pytest.fixture
def versions(collaborators: WorkCollaborators, second_version: str, tmp_path: Path) -> WorkCollaborators:
    """Collaborators that read the versions of that folder."""
    model = collaborators.settings.model.model_copy(update={"weights_dir": str(tmp_path / "weights")})
    collaborators.settings = collaborators.settings.model_copy(update={"model": model})
    return collaborators


def test_an_activated_version_reads_from_the_next_study_on(versions: WorkCollaborators, tmp_path: Path) -> None:
    """Without a restart: the running worker looks up who reads."""
    assert versions.versions.current().version == DEFAULT_VERSION
    model_roles.choose(versions.engine, Role.ACTIVE, "second", NOW, "test")
    study = store_study(versions, tmp_path / "dicom")
    versions.analysis.run(study.id, "t")
    assert [result.model_version for result in results_of(versions, study)] == ["second"]


def test_a_shadow_is_stored_beside_and_never_reported(versions: WorkCollaborators, tmp_path: Path) -> None:
    """Two results of one revision; one delivery, one result in every list, and a comparison of both."""
    model_roles.choose(versions.engine, Role.SHADOW, "second", NOW, "test")
    study = store_study(versions, tmp_path / "dicom")
    versions.analysis.run(study.id, "t")
    (result,) = results_of(versions, study)
    assert result.model_version == DEFAULT_VERSION
    ((_, active, shadow),) = results.with_shadows(versions.engine, None)
    assert (shadow.model_version, shadow.probability) == ("second", active.probability)
    assert deliveries.of_result(versions.engine, shadow.id) == []
    words = ("model", "compare-live", "--data-dir", str(tmp_path), "--json")
    (compared,) = json.loads(CliRunner().invoke(build_app(words), list(words), catch_exceptions=False).stdout)
    assert (compared["n"], compared["both_suspected"], compared["mean_absolute_difference"]) == (1, 1, 0.0)


def test_a_shadow_that_cannot_be_loaded_does_not_stop_the_reading(versions: WorkCollaborators, tmp_path: Path) -> None:
    """The active version reads on."""
    model_roles.choose(versions.engine, Role.SHADOW, "gone", NOW, "test")
    study = store_study(versions, tmp_path / "dicom")
    versions.analysis.run(study.id, "t")
    assert len(results_of(versions, study)) == 1
    assert results.with_shadows(versions.engine, None) == []


def test_a_version_that_is_not_installed_cannot_be_activated(tmp_path: Path) -> None:
    """The command says which there are, and changes nothing."""
    words = ("model", "activate", "none", "--data-dir", str(tmp_path))
    with pytest.raises(ConfigurationInvalid, match=DEFAULT_VERSION):
        CliRunner().invoke(build_app(words), list(words), catch_exceptions=False)


def test_a_version_in_the_settings_goes_before_a_chosen_one() -> None:
    """Who pins a version in the file gets that one."""
    pinned = load_settings(None, {"model": {"version": DEFAULT_VERSION}})
    assert ModelVersions(pinned, lambda: {Role.ACTIVE: "other"}).active_version() == DEFAULT_VERSION
    free = load_settings(None)
    assert ModelVersions(free, lambda: {Role.ACTIVE: "other"}).active_version() == "other"
    assert ModelVersions.offline(free).active_version() == DEFAULT_VERSION


def test_a_study_is_reprocessed_by_the_version_that_was_asked_for(versions: WorkCollaborators, tmp_path: Path) -> None:
    """Without activating it, and without a shadow beside it; the next live study is read by the active one."""
    study = store_study(versions, tmp_path / "dicom")
    versions.analysis.run(study.id, "t")
    reprocessing.reprocess(versions.engine, study.id, NOW, Request("test", version="second"))
    versions.analysis.run(study.id, "t2")
    other = store_study(versions, tmp_path / "dicom", study=2)
    versions.analysis.run(other.id, "t3")
    read_by = [[result.model_version for result in results_of(versions, each)] for each in (study, other)]
    assert read_by == [[DEFAULT_VERSION, "second"], [DEFAULT_VERSION]]
