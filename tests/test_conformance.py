import re
from pathlib import Path

import pytest

from config.destinations import DestinationSettings
from config.load import load_settings
from dicom_gateway import association_policy
from dicom_gateway.association_policy import Rejection
from dicom_gateway.capture import SECONDARY_CAPTURE
from dicom_gateway.commitment import STORAGE_COMMITMENT
from dicom_gateway.received_sop_classes import NAMED_SENDERS_ONLY, RECEIVED_SOP_CLASSES
from dicom_gateway.report import BASIC_TEXT_SR, REPORT_SOP_CLASSES
from dicom_gateway.scp_config import DEFAULT_MAXIMUM_PDU_BYTES
from dicom_gateway.status import Status, StatusFamily, classify, status_words
from dicom_gateway.tls import CIPHER_SUITES, MINIMUM_VERSION
from dicom_gateway.transfer_syntaxes import RECEIVED_TRANSFER_SYNTAXES
from dicom_gateway.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_gateway.ups_scp import UPS_SOP_CLASSES
from dicom_gateway.ups_status import UpsStatus
from dicom_gateway.ups_workitem import UPS_PUSH
from dicom_gateway.verification_find import STUDY_ROOT_FIND
from domain.commitment import FailureReason, reason_words

_TEXT = (Path(__file__).parents[1] / "docs" / "conformance.md").read_text()
_VERIFICATION = "1.2.840.10008.1.1"


def first_numbers(table: list[list[str]], column: int = 0) -> list[int]:
    """Give the hexadecimal number that each row's cell begins with."""
    return [
        int(row[column].split()[0], 16) for row in table if row[column].startswith("0x") and "xx" not in row[column]
    ]


def rows(section: str) -> list[list[str]]:
    """Give the cells of every table row between a heading and the next one."""
    body = re.split(rf"^#+ {re.escape(section)}.*$", _TEXT, flags=re.MULTILINE)[1]
    lines = re.split(r"^#", body, flags=re.MULTILINE)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def test_the_sop_classes_are_those_of_the_code() -> None:
    """What the statement says is received and sent is what the listener accepts and the report is."""
    stated = [(uid, role) for _, uid, roles in rows("1 Overview")[1:] for role in roles.split(", ")]
    images = (*RECEIVED_SOP_CLASSES, *NAMED_SENDERS_ONLY)
    received = {(str(uid), "SCP") for uid in (_VERIFICATION, *images, STORAGE_COMMITMENT, *UPS_SOP_CLASSES)}
    reports = (*REPORT_SOP_CLASSES, BASIC_TEXT_SR, SECONDARY_CAPTURE, UPS_PUSH)
    sent = {(uid, "SCU") for uid in (_VERIFICATION, *reports, STORAGE_COMMITMENT, STUDY_ROOT_FIND)}
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


def test_the_statuses_and_reasons_of_commitment_are_those_of_the_code() -> None:
    """What is answered is named in the code, as failure reason or as status; the text of each is the code's."""
    as_scp = rows("3.6 Storage commitment")
    reasons = as_scp[[row[0] for row in as_scp].index("reason") :]
    assert set(first_numbers(reasons)) == {
        FailureReason.NO_SUCH_OBJECT_INSTANCE,
        FailureReason.CLASS_INSTANCE_CONFLICT,
        FailureReason.PROCESSING_FAILURE,
    }
    assert [row[0].replace("-", " ") for row in reasons[1:]] == [
        reason_words(number) for number in first_numbers(reasons)
    ]
    statuses = [row[0] for row in as_scp[1 : len(as_scp) - len(reasons)]]
    answers = [row[2] for row in rows("3.4 Storage commitment") if len(row) == 3][1:]
    for words in (*statuses, *answers):
        assert status_words(int(words.split()[0], 16)) == words


def test_the_numbers_of_commitment_are_the_defaults() -> None:
    """A setting's value in the statement is its default."""
    stated = re.findall(r"`commitment\.(\w+)` \((\w+)\)", _TEXT)
    settings = load_settings(None, {}).commitment
    assert len(stated) >= 7
    assert [(key, str(value)) for key, value in stated if f"{getattr(settings, key):g}".lower() != value] == [
        ("offer", "true")
    ]
    assert settings.offer


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


@pytest.mark.parametrize("row", rows("3.1 Associations")[1:6], ids=lambda row: row[1])
def test_the_limits_are_the_defaults(row: list[str]) -> None:
    """A limit in the statement is the setting's default."""
    section, key = row[1].strip("`").split(".")
    assert getattr(getattr(load_settings(None, {}), section), key) == float(row[2])


def test_the_limits_as_initiator_are_the_defaults() -> None:
    """Each limit of a destination has the default that is stated, and none is left out."""
    stated = {row[1].strip("`"): float(row[2]) for row in rows("3.3 Associations")[1:6]}
    limits = {key for key in DestinationSettings.model_fields if key.endswith(("_seconds", "_bytes"))}
    assert stated == {key: DestinationSettings.model_fields[key].default for key in limits}


def test_the_rejections_are_those_of_the_policy() -> None:
    """Result, source and reason of every rule in the table, in the words and numbers of PS3.8 Table 9-21."""
    words = {1: "rejected permanent", 2: "rejected transient"}
    sources = {1: "service user", 3: "service provider, presentation"}
    rejections = [value for value in vars(association_policy).values() if isinstance(value, Rejection)]
    held = {(words[r.result], sources[r.source], str(r.reason)) for r in rejections}
    assert {(row[1], row[2], row[3].split(",")[0]) for row in rows("3.1 Associations")[7:]} == held


def test_tls_is_the_one_of_the_code() -> None:
    """Versions, suites and port are those that are set."""
    stated = dict(row[:2] for row in rows("5 Security"))
    assert tuple(stated["cipher suites of TLS 1.2"].split(", ")) == CIPHER_SUITES
    assert stated["versions"].startswith(MINIMUM_VERSION.name.replace("TLSv", "TLS ").replace("_", "."))
    assert stated["port"].startswith(f"{load_settings(None, {}).listener.tls.port},")
