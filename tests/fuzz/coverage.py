"""`python -m tests.fuzz.coverage [libFuzzer's arguments] [FOLDER]`: data sets, fuzzed by coverage with atheris.

Reads each as the listener does, and its header as a worker does. Whatever ends in anything but a coded refusal is
written to a file, as libFuzzer does; what was worth finding is kept in tests/fuzz/corpus/data_sets, which the tests
read again. FOLDER takes inputs that reach new code. Needs `pip install --require-hashes -r requirements/fuzz.lock`;
`-runs=10000` bounds it.
"""

import logging
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pydicom", "dicom_gateway"]):
    from tests.fuzz import data_sets


def main(arguments: list[str]) -> None:
    """Fuzz until told to stop, or until something is found."""
    warnings.simplefilter("ignore")  # pydicom's, about every oddity
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "instance.dcm"
        found = Path(folder) / "found"
        found.mkdir()
        folders = [] if any(not word.startswith("-") for word in arguments) else [str(found)]
        # The first folder is libFuzzer's to write to: never the corpus, unless it is named.
        words = [sys.argv[0], *arguments, *folders, str(data_sets.CORPUS)]
        atheris.Setup(words, lambda data: data_sets.read(data, file))
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
