"""The answer to a STOW-RS request: PS3.18 section 10.5.3, and PS3.18 Annex I for what its payload says."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from xml.etree import ElementTree as ET

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from dicom_gateway.status import Status, StatusFamily, classify
from dicom_gateway.uids import is_valid_uid

JSON, XML = "application/dicom+json", "application/dicom+xml"


@dataclass(frozen=True, slots=True)
class PartOutcome:
    """What became of one part."""

    #: As the part says; empty when it cannot be read.
    sop_class_uid: str
    sop_instance_uid: str
    status: Status


def http_status(outcomes: Sequence[PartOutcome]) -> HTTPStatus:
    """Give the status of the whole: 200 all stored, 202 some, 409 none, 503 none but later they may be."""
    stored = sum(outcome.status is Status.SUCCESS for outcome in outcomes)
    if stored:
        return HTTPStatus.OK if stored == len(outcomes) else HTTPStatus.ACCEPTED
    may_pass = all(classify(outcome.status) is StatusFamily.TRANSIENT for outcome in outcomes)
    return HTTPStatus.SERVICE_UNAVAILABLE if may_pass else HTTPStatus.CONFLICT


def response_payload(outcomes: Sequence[PartOutcome], media_type: str) -> bytes:
    """Encode the Store Instances Response Module as JSON (PS3.18 Annex F) or XML (PS3.19 Annex A)."""
    module = _module(outcomes)
    if media_type == XML:
        root = ET.Element("NativeDicomModel", {"xml:space": "preserve"})
        _write_elements(root, module)
        written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return written
    return json.dumps(module.to_json_dict()).encode()


def _module(outcomes: Sequence[PartOutcome]) -> Dataset:
    stored: list[Dataset] = []
    failed: list[Dataset] = []
    others: list[Dataset] = []
    for outcome in outcomes:
        item = Dataset()
        is_named = is_valid_uid(outcome.sop_class_uid) and is_valid_uid(outcome.sop_instance_uid)
        if is_named:
            item.ReferencedSOPClassUID = outcome.sop_class_uid
            item.ReferencedSOPInstanceUID = outcome.sop_instance_uid
        if outcome.status is Status.SUCCESS:
            item.RetrieveURL = None  # type 2: nothing can be retrieved here
            stored.append(item)
            continue
        item.FailureReason = int(outcome.status)
        (failed if is_named else others).append(item)
    module = Dataset()
    module.RetrieveURL = None
    for keyword, items in (
        ("ReferencedSOPSequence", stored),
        ("FailedSOPSequence", failed),
        ("OtherFailuresSequence", others),
    ):
        if items:
            setattr(module, keyword, Items(items))
    return module


def _write_elements(parent: ET.Element, dataset: Dataset) -> None:
    for element in dataset:
        described = {"tag": f"{int(element.tag):08X}", "vr": element.VR, "keyword": element.keyword}
        _write_value(ET.SubElement(parent, "DicomAttribute", described), element)


def _write_value(parent: ET.Element, element: DataElement) -> None:
    if element.VR == "SQ":
        for number, item in enumerate(element.value, 1):
            _write_elements(ET.SubElement(parent, "Item", {"number": str(number)}), item)
    elif element.value not in (None, ""):
        ET.SubElement(parent, "Value", {"number": "1"}).text = str(element.value)
