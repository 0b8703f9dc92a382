import re
from pathlib import Path

import pytest

from config.load import load_settings
from dicom_gateway.capture import SECONDARY_CAPTURE
from dicom_gateway.report import BASIC_TEXT_SR, REPORT_SOP_CLASSES
from dicom_gateway.status import Status, StatusFamily, classify
from dicom_gateway.storage_scp import DEFAULT_MAXIMUM_PDU_BYTES, RECEIVED_SOP_CLASSES
from dicom_gateway.transfer_syntaxes import RECEIVED_TRANSFER_SYNTAXES
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_gateway.ups_scp import UPS_SOP_CLASSES
from dicom_gateway.ups_status import UpsStatus
from dicom_gateway.ups_workitem import UPS_PUSH

_TEXT = (Path(__file__).parents[1] / "docs" / "conformance.md").read_text()
_VERIFICATION = "1.2.840.10008.1.1"


def rows(section: str) -> list[list[str]]:
    """Give the cells of every table row between a heading and the next one."""
    body = re.split(rf"^#+ {re.escape(section)}.*$", _TEXT, flags=re.MULTILINE)[1]
    lines = re.split(r"^#", body, flags=re.MULTILINE)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def test_the_sop_classes_are_those_of_the_code() -> None:
    """What the statement says is received and sent is what the listener accepts and the report is."""
    stated = [(uid, role) for _, uid, roles in rows("1 Overview")[1:] for role in roles.split(", ")]
    received = {(str(uid), "SCP") for uid in (_VERIFICATION, *RECEIVED_SOP_CLASSES, *UPS_SOP_CLASSES)}
    sent = {(uid, "SCU") for uid in (_VERIFICATION, *REPORT_SOP_CLASSES, BASIC_TEXT_SR, SECONDARY_CAPTURE, UPS_PUSH)}
    assert sorted(stated) == sorted(received | sent)


def test_the_transfer_syntaxes_are_those_of_the_code_in_order() -> None:
    """What is accepted, in the order of preference."""
    assert tuple(uid for _, uid in rows("2 Transfer syntaxes")[1:]) == RECEIVED_TRANSFER_SYNTAXES


def test_the_statuses_have_the_meaning_that_the_code_gives_them() -> None:
    """Each status that is answered has a row; each that a peer may answer is classified as the table says."""
    answered = {int(row[0].split()[0], 16) for row in rows("3.2 Statuses")[1:]}
    assert answered <= {int(status) for status in Status}
    meant = {
        StatusFamily.WARNING: (0xB000, 0xB123, 0x0001, 0x0107, 0x0116, 0x0111),
        StatusFamily.TRANSIENT: (0xA700, 0xA7FF, 0x0110, 0x0213),
        StatusFamily.REFUSED: (0xA900, 0xC000, 0x0122, 0x0124),
    }
    assert {family: {classify(status) for status in statuses} for family, statuses in meant.items()} == {
        family: {family} for family in meant
    }


def test_the_statuses_of_workitems_are_those_of_the_code() -> None:
    """Each status of the UPS SCP has a row, but for those of N-CREATE that only the simulated PACS answers."""
    stated = {int(row[0].split()[0], 16) for row in rows("7.1 Statuses as SCP")[1:]}
    creation = {
        UpsStatus.CREATED_WITH_MODIFICATIONS,
        UpsStatus.DUPLICATE_SOP_INSTANCE,
        UpsStatus.MISSING_ATTRIBUTE,
        UpsStatus.NOT_SCHEDULED,
    }
    assert stated == {int(status) for status in UpsStatus} - creation


def test_the_implementation_is_named_as_it_names_itself() -> None:
    """Class UID, version name and PDU size are those that are negotiated."""
    stated = dict(row[:2] for row in rows("3 Application entity"))
    assert stated["Implementation Class UID"] == IMPLEMENTATION_CLASS_UID
    assert stated["Implementation Version Name"] == IMPLEMENTATION_VERSION_NAME
    assert stated["maximum PDU size offered"].startswith(f"{DEFAULT_MAXIMUM_PDU_BYTES} bytes")


@pytest.mark.parametrize("row", rows("3.1 Associations")[1:5], ids=lambda row: row[1])
def test_the_limits_are_the_defaults(row: list[str]) -> None:
    """A limit in the statement is the setting's default."""
    section, key = row[1].strip("`").split(".")
    assert getattr(getattr(load_settings(None, {}), section), key) == float(row[2])
