from pathlib import Path

from admin.service_process import ServiceProcess
from dicom_gateway.association_scu import Destination
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scu import send_files
from tests.acceptance.xrays import write_xray


def test_the_whole_service_runs_on_postgresql(postgres_url: str, pacs: SimulatedPacs, tmp_path: Path) -> None:
    """The same main path, with the database given by URL."""
    options = ["--dicom-port", "0", "--pacs", f"SIMPACS@127.0.0.1:{pacs.address[1]}"]
    environment = {"CXR_DATABASE__URL": postgres_url, "CXR_READINESS__STUDY_QUIET_SECONDS": "0.5"}
    with ServiceProcess(tmp_path / "data", options, environment) as service:
        host, port = service.wait_until_listening()
        to = Destination("service", "CXR_TRIAGE", host, port, "MODALITY")
        files = [write_xray(tmp_path, study) for study in (1, 2)]
        assert [outcome.error for outcome in send_files(to, files)] == ["", ""]
        reports = pacs.wait_for_reports(2, timeout_seconds=60)
    assert len({report.StudyInstanceUID for report in reports}) == 2
    assert not (tmp_path / "data" / "cxr-triage.sqlite").exists()
