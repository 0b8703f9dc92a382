"""Sending files by STOW-RS as a modality or a gateway does: several by one request. Nothing is retried here."""

from collections.abc import Sequence
from pathlib import Path

import requests
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_gateway.instance_identity import MALFORMED
from dicom_gateway.status import Status, StatusFamily, classify, status_words
from dicom_gateway.storage_scu import FileOutcome
from dicom_gateway.stow_scu import WebDestination, client_of, payload_of


def send_files(destination: WebDestination, files: Sequence[Path]) -> list[FileOutcome]:
    """Send DICOM files by one request; gives what became of each, in their order.

    Only what the answer names as stored counts as stored.
    """
    datasets = [dcmread(file) for file in files]
    answers: list[requests.Response] = []
    try:
        module = client_of(destination, answers).store_instances(datasets)
    except requests.HTTPError:
        module = Dataset()
    except (requests.RequestException, *MALFORMED) as error:
        words = f"STOW-RS failed: {type(error).__name__}"
        return [_unanswered(file, dataset, words) for file, dataset in zip(files, datasets, strict=True)]
    statuses = _statuses(module if len(module) else payload_of(answers[-1]))
    words = f"HTTP {answers[-1].status_code}, and the instance is not named"
    return [
        _answered(file, dataset, statuses[dataset.SOPInstanceUID])
        if dataset.SOPInstanceUID in statuses
        else _unanswered(file, dataset, words)
        for file, dataset in zip(files, datasets, strict=True)
    ]


def _statuses(module: Dataset) -> dict[str, int]:
    """Give the status of each instance that the answer names."""
    stored = {
        str(item.ReferencedSOPInstanceUID): int(item.get("WarningReason", Status.SUCCESS))
        for item in module.get("ReferencedSOPSequence", ())
    }
    failed = {
        str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason", Status.PROCESSING_FAILURE))
        for item in module.get("FailedSOPSequence", ())
    }
    return stored | failed


def _answered(file: Path, dataset: Dataset, status: int) -> FileOutcome:
    is_stored = classify(status) in {StatusFamily.SUCCESS, StatusFamily.WARNING}
    return FileOutcome(file, str(dataset.SOPInstanceUID), status, "" if is_stored else status_words(status))


def _unanswered(file: Path, dataset: Dataset, words: str) -> FileOutcome:
    return FileOutcome(file, str(dataset.SOPInstanceUID), None, words)
