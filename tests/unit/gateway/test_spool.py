import errno
import hashlib
from io import FileIO
from pathlib import Path

import pytest

from dicom_gateway.instance_identity import InstanceRefused
from dicom_gateway.spool import Spool
from dicom_gateway.status import Status
from domain.errors import StoreUnavailable

META = b"file meta"


def test_fragments_become_a_file_and_its_hash(tmp_path: Path) -> None:
    """The file is meta and fragments in order; hash and size are of the fragments alone."""
    spool = Spool(tmp_path / "x.part", META, 100)
    for fragment in (b"one", b"", b"two"):
        spool.write(memoryview(fragment))
    spool.finish()
    assert spool.path.read_bytes() == META + b"onetwo"
    assert spool.sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert (spool.data_set_offset, spool.data_set_bytes, spool.file_bytes) == (len(META), 6, len(META) + 6)


def test_a_data_set_over_the_limit_is_let_go(tmp_path: Path) -> None:
    """One byte too many removes the file and ends in C000; what still comes is ignored."""
    spool = Spool(tmp_path / "x.part", META, 6)
    spool.write(memoryview(b"123456"))
    assert spool.path.exists()
    spool.write(memoryview(b"7"))
    spool.write(memoryview(b"8" * 1000))
    assert not spool.path.exists()
    with pytest.raises(InstanceRefused) as refused:
        spool.finish()
    assert refused.value.status is Status.CANNOT_UNDERSTAND


def test_a_full_disk_in_mid_transfer_is_transient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the data set is let go, and the end of it says StoreUnavailable."""
    spool = Spool(tmp_path / "x.part", META, 100)

    def refuse(file: FileIO, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Spool, "_append", staticmethod(refuse))
    spool.write(memoryview(b"one"))
    spool.write(memoryview(b"two"))
    assert not spool.path.exists()
    with pytest.raises(StoreUnavailable, match="No space"):
        spool.finish()


def test_a_folder_that_is_gone_is_transient(tmp_path: Path) -> None:
    """A file that cannot even be made is told at the end, not in the reading thread."""
    spool = Spool(tmp_path / "gone" / "x.part", META, 100)
    spool.write(memoryview(b"one"))
    with pytest.raises(StoreUnavailable):
        spool.finish()


def test_a_file_that_was_moved_is_not_deleted(tmp_path: Path) -> None:
    """Discarding after the file found its place deletes nothing."""
    spool = Spool(tmp_path / "x.part", META, 100)
    spool.write(memoryview(b"one"))
    spool.finish()
    spool.path.rename(tmp_path / "placed")
    spool.discard()
    spool.discard()
    assert (tmp_path / "placed").read_bytes() == META + b"one"
