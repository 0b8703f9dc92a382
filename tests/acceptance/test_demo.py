import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from dicom_gateway.association_scu import Destination
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.storage_scu import send_files
from tests.acceptance.xrays import write_xray
from tests.integration.gateway.instances import write_image

SCRIPT = Path(sys.executable).with_name("cxr-triage")


def test_the_demo_sends_real_xrays_and_every_report_comes_back(tmp_path: Path) -> None:
    """What README shows: fifteen instances kept, fourteen reports, three undetermined, five heat maps, status 0.

    The same again on the same folder, with worklist, RIS and DICOMweb server beside it, and whatever a real service on
    this machine is set to.
    """
    real = [{"name": "real", "ae_title": "REAL", "host": "pacs.invalid", "port": 104}]
    settings = {
        "CXR_CONFIG": str(tmp_path / "none.toml"),
        "CXR_DATABASE__URL": "postgresql://real@db.invalid/real",
        "CXR_BROKER__URL": "redis://broker.invalid/0",
        "CXR_DESTINATIONS": json.dumps(real),
        "CXR_LISTENER__AE_TITLE": "REAL",
    }
    for environment, options in (({}, []), (settings, ["--ups", "--hl7", "--dicomweb"])):
        done = subprocess.run(
            [SCRIPT, "demo", *options, "--data-dir", tmp_path / "demo"],
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            env={**os.environ, **environment},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "15 instances acknowledged, 15 kept; 14 studies, 14 reports received once each" in done.stdout
        assert done.stdout.count("│ undetermined │") == 3
        assert "5 suspicions, each with its heat map" in done.stdout
        assert ("14 HL7 messages accepted" in done.stdout) == ("--hl7" in options)
        by_web = "7 studies sent by STOW-RS; 14 reports taken by the DICOMweb server"
        assert (by_web in done.stdout) == ("--dicomweb" in options)
        assert done.stderr == ""


def test_the_simulated_pacs_can_be_run_by_command_and_misbehaves_as_asked(tmp_path: Path) -> None:
    """It prints its address, answers success, forgets what it got, and says so."""
    words = [SCRIPT, "simulate-pacs", "--port", "0", "--drop", "--keep", tmp_path / "kept"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = re.search(r"SIMPACS@127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert address is not None
        to = Destination("pacs", "SIMPACS", "127.0.0.1", int(address[1]), "MODALITY")
        (outcome,) = send_files(to, [write_xray(tmp_path)])
        assert outcome.status == 0
        told = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
    assert outcome.sop_instance_uid in told
    assert "not kept" in told
    assert process.returncode == 0
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_simulated_pacs_takes_only_what_it_is_told_and_routes_on(tmp_path: Path) -> None:
    """A DX is not among `--accept`; what it keeps arrives where `--route-to` says."""
    with SimulatedPacs("BEHIND") as behind:
        words = [SCRIPT, "simulate-pacs", "--port", "0", "--accept", "cr", "--accept", "enhanced-sr"]
        words += ["--route-to", f"BEHIND@127.0.0.1:{behind.address[1]}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            address = re.search(r"SIMPACS@127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert address is not None
            to = Destination("pacs", "SIMPACS", "127.0.0.1", int(address[1]), "MODALITY")
            (refused,) = send_files(to, [write_xray(tmp_path)])
            (taken,) = send_files(to, [write_image(tmp_path / "cr.dcm")])
            behind.wait_for_attempts(1, timeout_seconds=60)
            process.send_signal(signal.SIGTERM)
    assert "no presentation context accepted" in refused.error
    assert taken.error == ""
    assert [attempt.sop_instance_uid for attempt in behind.attempts] == [taken.sop_instance_uid]
