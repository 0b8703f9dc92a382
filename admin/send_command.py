"""`cxr-triage send`: send files to an SCP; pictures are wrapped as DX first."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from admin.files import expand, is_picture
from admin.options import JsonOption, ae_title_of, parse_peer
from admin.output import console, print_json
from admin.tls_options import (
    TlsCaOption,
    TlsCertificateOption,
    TlsKeyOption,
    TlsNoNameCheckOption,
    TlsOption,
    calling_tls,
)
from dicom_gateway.association_scu import Destination
from dicom_gateway.storage_scu import send_files
from dicom_gateway.wrap import wrap_picture
from domain.errors import CxrTriageError, Rejected


@dataclass(frozen=True, slots=True)
class _Sent:
    """What became of one file."""

    file: str
    sop_instance_uid: str
    #: success, refused or failed.
    status: str
    reason: str


def send(
    files: Annotated[list[Path], typer.Argument(help="DICOM, JPEG or PNG files; a folder means all in it.")],
    to: Annotated[str, typer.Option("--to", metavar="AET@HOST:PORT", help="Where to send.")],
    calling: Annotated[str, typer.Option("--calling", help="Calling AE title.")] = "CXR_SEND",
    tls: TlsOption = False,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
    tls_no_name_check: TlsNoNameCheckOption = False,
    json_output: JsonOption = False,
) -> None:
    """Send files by C-STORE; DICOM files go as they are encoded, pictures as new DX studies.

    Exit status 1 if any file was not stored.
    """
    secured = calling_tls(tls, tls_ca, tls_cert, tls_key, tls_no_name_check)
    peer = Destination(name=to, calling_ae_title=ae_title_of("--calling", calling), tls=secured, **parse_peer(to))
    chosen = list(expand(files))
    if not chosen:
        raise Rejected(f"no files to send in {', '.join(map(str, files))}")
    with tempfile.TemporaryDirectory(prefix="cxr-send-") as folder:
        rows = _send_all(peer, chosen, Path(folder), quiet=json_output)
    _print(rows, json_output=json_output)
    raise typer.Exit(0 if all(row.status == "success" for row in rows) else 1)


def _send_all(peer: Destination, chosen: Sequence[Path], folder: Path, *, quiet: bool) -> list[_Sent]:
    rows: list[_Sent] = []
    ready: dict[Path, Path] = {}
    for number, file in enumerate(chosen):
        try:
            ready[_wrapped(file, folder / f"{number}.dcm") if is_picture(file) else file] = file
        except CxrTriageError as error:
            rows.append(_Sent(str(file), "", "failed", str(error)))
        except OSError as error:
            rows.append(_Sent(str(file), "", "failed", error.strerror or str(error)))
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("C-STORE", total=len(ready))
        outcomes = send_files(peer, list(ready), lambda _: progress.advance(task))
    for outcome in outcomes:
        refused = "refused" if outcome.status is not None else "failed"
        status = "success" if outcome.is_stored else refused
        rows.append(_Sent(str(ready[outcome.path]), outcome.sop_instance_uid, status, outcome.error))
    return rows


def _wrapped(picture: Path, target: Path) -> Path:
    wrap_picture(picture).save_as(target, enforce_file_format=True)
    return target


def _print(rows: Sequence[_Sent], *, json_output: bool) -> None:
    for row in rows:
        if json_output:
            fields: dict[str, Any] = {name: getattr(row, name) for name in _Sent.__slots__}
            print_json(fields)
        else:
            words = "stored" if row.status == "success" else f"{row.status}: {row.reason}"
            console.print(f"{row.file}  {words}", soft_wrap=True, markup=False)
