"""The demo's `--dicomweb`: every other study goes in by STOW-RS, and every report also goes out by it."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from admin.output import console
from admin.simulated_dicomweb import SimulatedDicomweb
from config.dicomweb import DICOMWEB_PATH
from config.published import DICOMWEB, published
from dicom_gateway.demo_studies import DemoStudy
from dicom_gateway.storage_scu import FileOutcome
from dicom_gateway.stow_scu import WebDestination
from dicom_gateway.stow_sending import send_files
from domain.errors import Rejected

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 60.0
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.1


class DemoDicomweb:
    """The way in by STOW-RS, and the server that reports go to."""

    def __init__(self, home: Path) -> None:
        """`home` is the demo's folder."""
        self.server = SimulatedDicomweb(home / "dicomweb-server")
        self._data_dir = home / "data"
        self._token = secrets.token_urlsafe()
        self._sent = 0

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes the service take images by STOW-RS, and send reports by it."""
        wanted = {"name": "dicomweb", "url": self.server.url, "bearer_token": self.server.token}
        return {
            "CXR_DICOMWEB__ENABLED": "true",
            "CXR_DICOMWEB__PORT": "0",
            "CXR_DICOMWEB__BEARER_TOKEN": self._token,
            "CXR_DICOMWEB_DESTINATIONS": json.dumps([wanted]),
        }

    def send(self, study: DemoStudy) -> list[FileOutcome]:
        """Send a study by one request."""
        self._sent += 1
        service = WebDestination("cxr-triage", self._url(), self._token, _CONNECT_SECONDS, _ANSWER_SECONDS)
        return send_files(service, study.files)

    def show(self, made: Sequence[DemoStudy]) -> list[str]:
        """Print what came; gives what is missing or came twice, in words."""
        reports = self.server.reports
        faults = []
        for study in made:
            times = [number for (study_uid, _), number in reports.items() if study_uid == study.study_instance_uid]
            if times != [1]:
                faults.append(f"{study.label}: the DICOMweb server took {sum(times)} reports of it, not one")
        if not faults:
            console.print(f"{self._sent} studies sent by STOW-RS; {len(reports)} reports taken by the DICOMweb server.")
        return faults

    def _url(self) -> str:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (told := published(self._data_dir / "run" / DICOMWEB)) is None:
            if time.monotonic() > deadline:
                raise Rejected("the STOW-RS server did not start; see service.log")
            time.sleep(_POLL_SECONDS)
        return f"{told['address']}{DICOMWEB_PATH}"
