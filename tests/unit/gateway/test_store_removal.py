import os
import time
from pathlib import Path

import pytest

from dicom_gateway import store_removal
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.store_removal import StoreRemoval
from domain.failpoints import Failpoint


@pytest.fixture
def store(tmp_path: Path) -> InstanceStore:
    """Make an empty store."""
    return InstanceStore(tmp_path)


def place(store: InstanceStore, content: bytes = b"image") -> str:
    """Put an instance in, as a sender does."""
    temporary = store.new_temporary()
    temporary.write_bytes(content)
    return store.place(temporary, "1.2.3", "1.2.3.1", "ab" * 32).relative_path


def test_a_settled_file_is_removed_with_its_empty_folder(store: InstanceStore) -> None:
    """The file, its study folder, and nothing aside; a file that is gone already is no fault."""
    path = place(store)
    removal = StoreRemoval(store, settled_seconds=0)
    assert removal.remove(path)
    assert removal.remove(path)
    assert list(store.instances.iterdir()) == list((store.root / "removing").iterdir()) == []


def test_a_file_that_came_lately_is_left_alone(store: InstanceStore) -> None:
    """Its row may not be committed yet, whatever its modification time says."""
    path = place(store)
    os.utime(store.path_of(path), (0, 0))
    removal = StoreRemoval(store)
    assert not removal.remove(path)
    assert removal.is_there(path)
    assert removal.remove_empty_folders() == 0


def test_a_file_that_a_sender_puts_in_meanwhile_goes_back(
    store: InstanceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision and the move the same bytes come again: what was moved is that file, and it stays."""
    path = place(store)
    times = iter((time.time(),))

    def now() -> float:
        """Let the sender in once the file was looked at."""
        moment = next(times)
        place(store)
        return moment

    monkeypatch.setattr(store_removal.time, "time", now)
    assert not StoreRemoval(store, settled_seconds=-60).remove(path)
    assert store.path_of(path).read_bytes() == b"image"


def test_what_a_crash_left_aside_is_put_back(store: InstanceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between move and deletion: the file is in its place again, to be decided about anew."""
    path = place(store)
    removal = StoreRemoval(store, settled_seconds=0)

    def die(point: Failpoint) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store_removal, "failpoint", die)
    with pytest.raises(KeyboardInterrupt):
        removal.remove(path)
    assert not removal.is_there(path)
    assert removal.put_back() == 1
    assert store.path_of(path).read_bytes() == b"image"
    assert removal.put_back() == 0


def test_every_file_is_listed_with_its_study(store: InstanceStore) -> None:
    """By study folder, as relative paths."""
    path = place(store)
    assert list(StoreRemoval(store).files()) == [("1.2.3", [path])]
