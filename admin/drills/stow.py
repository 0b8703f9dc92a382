"""Drill 1 for images by STOW-RS: SIGKILL of its server in mid-request, and at each named step of receiving."""

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from admin.drills.drill import Drill, DrillRun
from admin.drills.load import Load, sleep_at_random
from admin.drills.rig import Rig, wait_until
from admin.drills.tally import Tally, count
from admin.drills.xrays import write_studies
from config.dicomweb import DICOMWEB_PATH
from config.published import DICOMWEB, published
from dicom_gateway.storage_scu import FileOutcome
from dicom_gateway.stow_scu import WebDestination
from dicom_gateway.stow_sending import send_files
from domain.failpoints import Arming, FailAction, Failpoint

_NAME = "dicomweb"
_STUDIES, _IMAGES = 4, 2
#: A small load is on its way for about so long.
_BUSY_SECONDS = 1.0
_TIMEOUT_SECONDS = 30.0


class StowLoad(Load):
    """Senders that speak HTTP: each sends all of its images by one request, and again until all are acknowledged."""

    def __init__(self, rig: Rig, name: str, token: str) -> None:
        """Make new studies, whose names begin with `name`."""
        names = [f"{name}-{number}" for number in range(_STUDIES)]
        super().__init__(rig, write_studies(rig.folder / "to-send", names, _IMAGES))
        self._published = rig.data_dir / "run" / DICOMWEB
        self._token = token

    def _send_once(self, files: Sequence[Path]) -> Sequence[FileOutcome] | None:
        told = published(self._published)
        if told is None:
            return None
        url = f"{told['address']}{DICOMWEB_PATH}"
        server = WebDestination("service", url, self._token, _TIMEOUT_SECONDS, _TIMEOUT_SECONDS)
        outcomes = send_files(server, files)
        for outcome in outcomes:
            self._note(outcome)
        return outcomes


def _kills(run: DrillRun) -> Tally:
    token = secrets.token_urlsafe()
    steps: list[Failpoint | None] = [point for point in Failpoint if point.value.startswith("receive.")]
    steps.append(None)  # at a random moment instead
    with Rig(run.folder, _offered(token)) as rig:
        for number in range(run.rounds):
            if number % len(steps) == 0:
                run.chance.shuffle(steps)
            wait_until(lambda: rig.pid_of(_NAME) > 0, "the STOW-RS server")
            rig.wait_until_steady(_NAME)
            _kill(run, rig, steps[number % len(steps)], StowLoad(rig, f"stow-{number}", token))
        return count(rig, run.rounds)


def _offered(token: str) -> Mapping[str, str]:
    return {"CXR_DICOMWEB__ENABLED": "true", "CXR_DICOMWEB__PORT": "0", "CXR_DICOMWEB__BEARER_TOKEN": token}


def _kill(run: DrillRun, rig: Rig, step: Failpoint | None, load: Load) -> None:
    if step is not None:
        rig.failpoints.arm(step, Arming(FailAction.KILL, once=True))
    with load:
        if step is None:
            sleep_at_random(run.chance, _BUSY_SECONDS)
            rig.kill(_NAME)
        else:
            wait_until(lambda: not rig.failpoints.is_armed(step), f"the STOW-RS server at {step}")
        killed_at = time.monotonic()
    rig.settle(load.study_uids, killed_at)


DRILLS = (Drill("kill-stow", "SIGKILL of the STOW-RS server in mid-request, at each step of receiving", 90, 3, _kills),)
