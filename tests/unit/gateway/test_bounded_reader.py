import tracemalloc
from pathlib import Path

from dicom_gateway.bounded_reader import BoundedReader


def test_no_memory_is_taken_for_what_is_not_there(tmp_path: Path) -> None:
    """Four gigabytes asked of ten bytes: the ten, and no more than a buffer beside them."""
    path = tmp_path / "ten"
    path.write_bytes(b"0123456789")
    with BoundedReader(path) as file:
        file.seek(3)
        tracemalloc.start()
        try:
            assert file.read(0xFFFFFFF0) == b"3456789"
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
        assert file.read(0xFFFFFFF0) == b""


def test_everything_else_is_as_of_any_file(tmp_path: Path) -> None:
    """Short reads, all of it, and its name."""
    path = tmp_path / "long"
    path.write_bytes(bytes(1 << 18))
    with BoundedReader(path) as file:
        assert (len(file.read(4)), len(file.read(1 << 17)), len(file.read())) == (4, 1 << 17, (1 << 17) - 4)
        assert file.name == str(path)
