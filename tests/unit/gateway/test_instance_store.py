import errno
import hashlib
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from dicom_gateway import durable
from dicom_gateway.instance_store import InstanceStore
from domain.errors import InstanceInvalid, StoreUnavailable

STUDY = "1.2.840.1"
SOP = "1.2.840.2"
FILE_META = b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00" + (8).to_bytes(4, "little") + b"metameta"


@pytest.fixture
def store(tmp_path: Path) -> InstanceStore:
    """Make an empty store."""
    return InstanceStore(tmp_path / "store")


def temporary(store: InstanceStore, data_set: bytes = b"data set") -> tuple[Path, str]:
    """Write a complete temporary file; gives it and the hash of its data set."""
    path = store.new_temporary()
    path.write_bytes(FILE_META + data_set)
    return path, hashlib.sha256(data_set).hexdigest()


def files(store: InstanceStore) -> list[str]:
    """List what is in the store."""
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())


def test_a_file_is_named_by_study_instance_and_content(store: InstanceStore) -> None:
    """The name holds both UIDs and the beginning of the hash, and nothing stays in incoming."""
    path, sha256 = temporary(store)
    stored = store.place(path, STUDY, SOP, sha256)
    assert stored.relative_path == f"instances/{STUDY}/{SOP}.{sha256[:16]}.dcm"
    assert stored.size_bytes == len(FILE_META) + len(b"data set")
    assert files(store) == [stored.relative_path]
    assert store.path_of(stored.relative_path).read_bytes() == FILE_META + b"data set"


def test_the_same_content_again_changes_nothing(store: InstanceStore) -> None:
    """Sending an instance again gives the same file, once."""
    first = store.place(*_placing(store, b"same"))
    second = store.place(*_placing(store, b"same"))
    assert first == second
    assert files(store) == [first.relative_path]


def test_other_bytes_under_one_uid_are_kept_beside(store: InstanceStore) -> None:
    """No content ever replaces another."""
    first = store.place(*_placing(store, b"one"))
    second = store.place(*_placing(store, b"two"))
    assert files(store) == sorted([first.relative_path, second.relative_path])


def _placing(store: InstanceStore, data_set: bytes) -> tuple[Path, str, str, str]:
    path, sha256 = temporary(store, data_set)
    return path, STUDY, SOP, sha256


@pytest.mark.parametrize(
    "uid",
    [
        "",
        ".",
        "..",
        "../1.2",
        "1.2/3",
        "/1.2",
        "1.2\0",
        "1.2\n",
        "1..2",
        "1.2.",
        "1." + "2" * 63,
        "1.\u0662",
        "1.2 ",
        "a.b",
    ],
)
def test_a_uid_that_cannot_be_one_names_no_file(store: InstanceStore, uid: str) -> None:
    """Traversal, odd characters, empty and over-long UIDs are refused in both places."""
    path, sha256 = temporary(store)
    for study_uid, sop_uid in ((uid, SOP), (STUDY, uid)):
        with pytest.raises(InstanceInvalid):
            store.place(path, study_uid, sop_uid, sha256)
    assert files(store) == [path.relative_to(store.root).as_posix()]


def test_durable_before_it_is_named_and_named_before_it_is_told(
    store: InstanceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced, then renamed, then its folder and the folder above are synced."""
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def record_sync(descriptor: int) -> None:
        steps.append("sync " + Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(store.root).as_posix())
        sync(descriptor)

    def record_replace(source: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(source, target)

    path, sha256 = temporary(store)
    monkeypatch.setattr(durable.os, "fsync", record_sync)
    monkeypatch.setattr(Path, "replace", record_replace)
    store.place(path, STUDY, SOP, sha256)
    temporary_name = path.relative_to(store.root).as_posix()
    assert steps == [f"sync {temporary_name}", "rename", f"sync instances/{STUDY}", "sync instances"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_refuses_is_transient(store: InstanceStore, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Whatever the disk says, the sender may try again, and nothing is in place."""

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    path, sha256 = temporary(store)
    monkeypatch.setattr(durable.os, "fsync", refuse)
    with pytest.raises(StoreUnavailable):
        store.place(path, STUDY, SOP, sha256)
    assert not list(store.instances.rglob("*.dcm"))


def test_a_store_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file where the folder should be is told as StoreUnavailable."""
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        InstanceStore(tmp_path / "taken")


@pytest.mark.parametrize("relative", ["../secret", "/etc/passwd", "instances/../../secret", "incoming/x", "a\0b", ""])
def test_no_path_leads_out_of_the_store(store: InstanceStore, relative: str) -> None:
    """A stored path is only followed below the instances folder."""
    with pytest.raises(InstanceInvalid):
        store.path_of(relative)


def test_a_link_does_not_lead_out_of_the_store(store: InstanceStore, tmp_path: Path) -> None:
    """A symbolic link that points elsewhere is not followed."""
    (tmp_path / "secret").write_bytes(b"")
    (store.instances / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InstanceInvalid):
        store.path_of("instances/link")


def test_what_an_earlier_run_left_is_swept(store: InstanceStore) -> None:
    """Half-received files go at the start, and received ones stay."""
    kept = store.place(*_placing(store, b"kept"))
    temporary(store)
    temporary(store)
    with store.receiving() as swept:
        assert swept == 2
        assert files(store) == ["incoming/receivers.lock", kept.relative_path]


def test_what_another_listener_receives_is_left_alone(store: InstanceStore) -> None:
    """Half-received files stay while any listener on the folder runs, and go when the next one is alone."""
    other = InstanceStore(store.root)
    with store.receiving(), ExitStack() as second:
        half_received, _ = temporary(store)
        assert second.enter_context(other.receiving()) == 0
        assert half_received.exists()
    with other.receiving() as swept:
        assert swept == 1


def test_a_listener_that_was_killed_is_not_waited_for(store: InstanceStore) -> None:
    """The lock dies with its process: what that one half received is swept."""
    code = (
        "import os, sys; from pathlib import Path; from dicom_gateway.instance_store import InstanceStore\n"
        "store = InstanceStore(Path(sys.argv[1]))\n"
        "with store.receiving(): store.new_temporary().write_bytes(b'half'); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", code, str(store.root)], check=False)
    assert died.returncode == -9
    with store.receiving() as swept:
        assert swept == 1


def test_verify_notices_every_damage(store: InstanceStore) -> None:
    """A changed byte, a changed length and a missing file are all not what was acknowledged."""
    path, sha256 = temporary(store)
    stored = store.place(path, STUDY, SOP, sha256)
    target = store.path_of(stored.relative_path)
    assert store.verify(stored.relative_path, sha256, stored.size_bytes)
    target.write_bytes(FILE_META + b"data sEt")
    assert not store.verify(stored.relative_path, sha256, stored.size_bytes)
    target.write_bytes(FILE_META + b"data set and more")
    assert not store.verify(stored.relative_path, sha256, stored.size_bytes)
    target.write_bytes(b"no DICOM file")
    assert not store.verify(stored.relative_path, sha256, target.stat().st_size)
    target.unlink()
    assert not store.verify(stored.relative_path, sha256, stored.size_bytes)


def test_the_same_content_again_heals_a_damaged_file(store: InstanceStore) -> None:
    """A sender that sends again replaces what the disk has spoilt."""
    path, sha256 = temporary(store)
    stored = store.place(path, STUDY, SOP, sha256)
    store.path_of(stored.relative_path).write_bytes(b"spoilt")
    path, sha256 = temporary(store)
    assert store.place(path, STUDY, SOP, sha256) == stored
    assert store.verify(stored.relative_path, sha256, stored.size_bytes)


def test_free_space_is_told(store: InstanceStore) -> None:
    """The store knows how much its file system can still take."""
    assert store.free_bytes() > 0
