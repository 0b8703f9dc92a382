"""`python -m tests.fuzz.coverage [libFuzzer's arguments] [FOLDER]`: data sets, fuzzed by coverage with atheris.

Reads each as the listener does, and its header as a worker does. Whatever ends in anything but a coded refusal is
written to a file, as libFuzzer does; what was worth finding is kept in tests/fuzz/corpus/data_sets, which the tests
read again. Needs `pip install --require-hashes -r requirements/fuzz.lock`; `-runs=10000` bounds it.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import atheris

from tests.fuzz import data_sets


def main(arguments: list[str]) -> None:
    """Fuzz until told to stop, or until something is found."""
    warnings.simplefilter("ignore")  # pydicom's, about every oddity
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "instance.dcm"

        def one(data: bytes) -> None:
            data_sets.read(data, file)

        atheris.instrument_all()
        atheris.Setup([sys.argv[0], *arguments], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:] or [str(data_sets.CORPUS)])
