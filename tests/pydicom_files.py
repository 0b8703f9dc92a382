"""`python -m tests.pydicom_files`: what becomes of each file that ships with pydicom and pydicom-data, as Markdown.

Two questions: what `predict` says, which looks at the header first; and what decoding and display make of the pixels,
whatever the header says of body part and modality.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import data_store
import pydicom.data

from dicom_gateway.display import image_from_file
from dicom_gateway.header import read_header
from dicom_gateway.source_text import SourceText
from domain.errors import InstanceInvalid, NotAnalysable

_ROOTS = {
    "pydicom": Path(pydicom.data.__file__).parent,
    "pydicom-data": Path(data_store.__file__).parent / "data",
}
_CODE = {".py", ".pyc"}
_HEAD = """# The files of pydicom and pydicom-data

Each file that ships with pydicom {pydicom} and pydicom-data {pydicom_data}, by `cxr-triage predict` and by the decoders
alone. Nothing raises: what is not read is refused with a code. *predict* looks at the header first, and nearly none of
these is a radiograph of a chest; *pixels* is what decoding and display give all the same (rows x columns, and the notes
of docs/pixels.md), or the code with which they refuse.

Written by `python -m tests.pydicom_files > docs/pydicom-files.md`; a test of the same name holds it against the
code.

{summary}

| file | transfer syntax | predict | pixels |
|---|---|---|---|"""


def files() -> Iterator[tuple[str, Path]]:
    """Give each file with a name that is the same on every machine."""
    for root, folder in _ROOTS.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in _CODE and "__pycache__" not in path.parts:
                yield f"{root}/{path.relative_to(folder).as_posix()}", path


def predictions(paths: list[Path]) -> dict[str, str]:
    """Run the command over the files, and give what it says of each: the assessment, or the code."""
    script = Path(sys.executable).with_name("cxr-triage")
    done = subprocess.run([script, "predict", *paths, "--json"], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["file"]: line["code"] or line["assessment"] for line in lines}


def pixels(path: Path) -> str:
    """Give what decoding and display make of a file."""
    try:
        image = image_from_file(path)
    except NotAnalysable as refused:
        return refused.code.value
    height, width = image.pixels.shape
    return ", ".join((f"{height} x {width}", *image.notes))


def _transfer_syntax(path: Path) -> str:
    try:
        meta = read_header(path).file_meta
    except InstanceInvalid:
        return "-"
    return SourceText(meta).read("TransferSyntaxUID")[0] or "-"


def table() -> str:
    """Give the whole document."""
    found = dict(files())
    said = predictions(list(found.values()))
    rows = [(name, _transfer_syntax(path), said[str(path)], pixels(path)) for name, path in found.items()]
    counts = Counter(row[2] for row in rows)
    decoded = sum(" x " in row[3] for row in rows)
    summary = f"{len(rows)} files. predict: " + ", ".join(f"{n} {code}" for code, n in sorted(counts.items()))
    head = _HEAD.format(
        pydicom=pydicom.__version__,
        pydicom_data=data_store.__version__,
        summary=f"{summary}. Pixels: {decoded} displayed, {len(rows) - decoded} refused.",
    )
    return "\n".join([head, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
