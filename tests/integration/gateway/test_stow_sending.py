"""Several files by one request, to a DICOMweb server that answers as it is told."""

from pathlib import Path
from typing import Any

from dicom_gateway.report import BASIC_TEXT_SR
from dicom_gateway.status import status_words
from dicom_gateway.stow_scu import WebDestination
from dicom_gateway.stow_sending import send_files
from tests.integration.gateway.instances import report
from tests.integration.gateway.scripted_stow import Scripted, ScriptedServer

_UIDS = [f"1.2.826.0.9.{number}" for number in range(1, 5)]


def _files(folder: Path) -> list[Path]:
    files = [folder / f"{uid}.dcm" for uid in _UIDS]
    for file, uid in zip(files, _UIDS, strict=True):
        file.write_bytes(report(BASIC_TEXT_SR, uid))
    return files


def _item(uid: str, **more: int) -> dict[str, Any]:
    tags = {"reason": "00081197", "warning": "00081196"}
    said = {tags[name]: {"vr": "US", "Value": [value]} for name, value in more.items()}
    return {"00081155": {"vr": "UI", "Value": [uid]}, **said}


def test_each_file_has_what_the_answer_says_of_it(tmp_path: Path) -> None:
    """Stored, stored with a remark, failed for a reason, and not named at all, which is not stored."""
    stored, failed = [_item(_UIDS[0]), _item(_UIDS[1], warning=0xB000)], [_item(_UIDS[2], reason=0xA700)]
    script = Scripted(status=202)
    script.payload = {"00081199": {"vr": "SQ", "Value": stored}, "00081198": {"vr": "SQ", "Value": failed}}
    with ScriptedServer(script) as server:
        outcomes = send_files(WebDestination("archive", server.url, "", 20.0, 20.0), _files(tmp_path))
    assert len(script.paths) == 1
    assert [received.SOPInstanceUID for received in script.received] == _UIDS
    assert [outcome.sop_instance_uid for outcome in outcomes] == _UIDS
    assert [outcome.status for outcome in outcomes] == [0, 0xB000, 0xA700, None]
    assert [outcome.is_stored for outcome in outcomes] == [True, True, False, False]
    assert outcomes[2].error == status_words(0xA700)


def test_an_answer_of_an_error_names_what_failed_too(tmp_path: Path) -> None:
    """409 with its payload; without one, and without a server, nothing is stored."""
    files = _files(tmp_path)[:1]
    script = Scripted(status=409)
    script.payload = {"00081198": {"vr": "SQ", "Value": [_item(_UIDS[0], reason=0xA900)]}}
    with ScriptedServer(script) as server:
        archive = WebDestination("archive", server.url, "", 20.0, 20.0)
        assert [outcome.status for outcome in send_files(archive, files)] == [0xA900]
        script.payload = None
        assert [outcome.is_stored for outcome in send_files(archive, files)] == [False]
    (gone,) = send_files(archive, files)
    assert (gone.status, gone.error) == (None, "STOW-RS failed: ConnectionError")
