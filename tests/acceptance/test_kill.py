import threading
from collections.abc import Sequence
from pathlib import Path

from admin.service_process import ServiceProcess
from config.load import load_settings
from db import instances, results, studies
from dicom_gateway.association_scu import Destination
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scu import FileOutcome, send_files
from domain.study import StudyStatus
from tests.acceptance.conftest import wait_until
from tests.acceptance.xrays import write_xray
from worker.bootstrap import Collaborators

_STUDIES, _IMAGES, _SENDERS = 100, 2, 4
#: Of 200, how many are acknowledged when the service is killed.
_KILL_AFTER = 90
_PATIENCE = 240.0


class Burst:
    """Several senders at once; counts what was acknowledged."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._shares = [list(files[start::_SENDERS]) for start in range(_SENDERS)]
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self.unsent: list[Path] = []
        self.reached = threading.Event()

    def run(self, to: Destination) -> list[threading.Thread]:
        """Start the senders."""
        threads = [threading.Thread(target=self._send, args=(to, share)) for share in self._shares]
        for thread in threads:
            thread.start()
        return threads

    def _send(self, to: Destination, share: list[Path]) -> None:
        send_files(to, share, self._note)

    def _note(self, outcome: FileOutcome) -> None:
        with self._lock:
            if outcome.is_stored:
                self.acknowledged.add(outcome.sop_instance_uid)
            else:
                self.unsent.append(outcome.path)
            if len(self.acknowledged) >= _KILL_AFTER:
                self.reached.set()


def test_killed_in_the_middle_of_a_burst_it_loses_nothing_and_reports_each_revision_once(
    service: ServiceProcess, pacs: SimulatedPacs, tmp_path: Path
) -> None:
    """SIGKILL in a burst of 200 instances: every acknowledged one is there, every revision has exactly one report."""
    files = [
        write_xray(tmp_path / "burst", study, n) for study in range(1, _STUDIES + 1) for n in range(1, _IMAGES + 1)
    ]
    service.start()
    burst = Burst(files)
    senders = burst.run(_destination(service))
    assert burst.reached.wait(_PATIENCE)
    service.kill()
    for sender in senders:
        sender.join(_PATIENCE)
    assert burst.unsent, "the service was killed too late to break anything"

    service.start()
    outcomes = send_files(_destination(service), burst.unsent)
    assert [outcome.error for outcome in outcomes if not outcome.is_stored] == []
    burst.acknowledged |= {outcome.sop_instance_uid for outcome in outcomes}
    collaborators = Collaborators(load_settings(None, {"service": {"data_dir": service.data_dir}}))
    wait_until(lambda: _all_reported(collaborators), "all studies REPORTED", _PATIENCE)

    assert _sound_instances(collaborators) == burst.acknowledged
    assert len(burst.acknowledged) == len(files)
    expected = _expected_reports(collaborators)
    assert {(str(r.StudyInstanceUID), str(r.SOPInstanceUID)) for r in pacs.reports} == expected


def _destination(service: ServiceProcess) -> Destination:
    host, port = service.wait_until_listening()
    return Destination("service", "CXR_TRIAGE", host, port, "MODALITY")


def _all_reported(collaborators: Collaborators) -> bool:
    found = studies.listed(collaborators.engine, None, limit=1000)
    return len(found) == _STUDIES and all(study.status is StudyStatus.REPORTED for study in found)


def _sound_instances(collaborators: Collaborators) -> set[str]:
    """Name the instances whose row is there and whose file is what was acknowledged."""
    rows = [
        row
        for study in studies.listed(collaborators.engine, None, limit=1000)
        for row in instances.newest_of_study(collaborators.engine, study.id)
    ]
    verify = collaborators.store.verify
    return {row.sop_instance_uid for row in rows if verify(row.relative_path, row.sha256, row.size_bytes)}


def _expected_reports(collaborators: Collaborators) -> set[tuple[str, str]]:
    """Give one report for each revision of each study; fail if a revision has no result, or two."""
    expected = set()
    for study in studies.listed(collaborators.engine, None, limit=1000):
        history = results.of_study(collaborators.engine, study.id)
        assert [result.revision for result in history] == list(range(1, study.revision + 1))
        for result in history:
            report = results.report_of(collaborators.engine, result.id)
            assert report is not None
            expected.add((study.study_instance_uid, report.sop_instance_uid))
    return expected
