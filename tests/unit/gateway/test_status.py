import pytest

from dicom_gateway.status import Status, StatusFamily, classify, status_words


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (0x0000, StatusFamily.SUCCESS),
        (0xB000, StatusFamily.WARNING),
        (0xB006, StatusFamily.WARNING),
        (0xB007, StatusFamily.WARNING),
        (0x0111, StatusFamily.WARNING),
        (0xA700, StatusFamily.TRANSIENT),
        (0xA7FF, StatusFamily.TRANSIENT),
        (0x0110, StatusFamily.TRANSIENT),
        (0x0213, StatusFamily.TRANSIENT),
        (0xA800, StatusFamily.REFUSED),
        (0xA900, StatusFamily.REFUSED),
        (0xA9FF, StatusFamily.REFUSED),
        (0xC000, StatusFamily.REFUSED),
        (0xCFFF, StatusFamily.REFUSED),
        (0x0117, StatusFamily.REFUSED),
        (0x0122, StatusFamily.REFUSED),
        (0x0124, StatusFamily.REFUSED),
        (0x9999, StatusFamily.REFUSED),
    ],
)
def test_every_status_has_one_family(status: int, family: StatusFamily) -> None:
    """Only A7xx, 0110 and 0213 are worth another attempt, and what is unknown is refused."""
    assert classify(status) is family


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0x0000, "0x0000 success"),
        (0xA7A7, "0xA7A7 out of resources"),
        (0xC123, "0xC123 cannot understand"),
        (Status.SOP_CLASS_NOT_SUPPORTED, "0x0122 SOP class not supported"),
        (0x1234, "0x1234"),
    ],
)
def test_a_status_is_named_by_its_range(status: int, words: str) -> None:
    """A peer's own low bits do not hide what the status means."""
    assert status_words(status) == words
