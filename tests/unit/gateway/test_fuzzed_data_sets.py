from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import data_sets
from tests.fuzz.conversations import corpus, damaged
from tests.integration.gateway.instances import encoded, image

#: The same on every run; python -m tests.fuzz.coverage goes further.
fuzzed = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, about every oddity


@fuzzed
@given(data=damaged(st.just(encoded(image()))) | st.binary(max_size=400))
def test_a_damaged_data_set_is_read_or_refused_by_a_code(tmp_path: Path, data: bytes) -> None:
    """By the listener and by the reader of headers and pixels: nothing but our own refusals comes out."""
    data_sets.read(data, tmp_path / "instance.dcm")


@pytest.mark.parametrize("file", corpus(data_sets.CORPUS), ids=lambda file: file.name)
def test_the_corpus_of_data_sets_is_read_or_refused_by_a_code(tmp_path: Path, file: Path) -> None:
    """Data sets that were worth keeping."""
    data_sets.read(file.read_bytes(), tmp_path / "instance.dcm")
