"""The files of TLS: what can be wrong with them is said at the start, with the file's name."""

import os
import ssl
from pathlib import Path

import pytest

from dicom_gateway.certificates import Validity
from dicom_gateway.tls import CIPHER_SUITES, ClientTls, ServerTls, client_context, own_certificate, server_context
from domain.clock import utc_now
from domain.errors import ConfigurationInvalid
from tests.authority import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A new authority."""
    return Authority(tmp_path / "ca")


def refusal(tls: ServerTls | ClientTls) -> str:
    """Give the words with which these files are refused."""
    with pytest.raises(ConfigurationInvalid) as refused:
        own_certificate(tls)
    return str(refused.value)


def test_no_version_and_no_suite_but_those_of_the_profile(authority: Authority) -> None:
    """PS3.15 B.12: TLS 1.2 at least, and of TLS 1.2 only suites with ephemeral keys and authenticated encryption."""
    ours = authority.issue("ours")
    contexts = [
        server_context(ServerTls(ours.certificate, ours.key, authority.file)),
        client_context(ClientTls(authority.file, ours.certificate, ours.key)),
    ]
    for context in contexts:
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
        suites = {suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"}
        assert suites == set(CIPHER_SUITES)
    assert contexts[1].check_hostname


def test_what_holds_is_told_with_its_end(authority: Authority) -> None:
    """Days left are counted from the certificate that is shown, whole ones."""
    ours = authority.issue("ours", to_days=10.5)
    validity = own_certificate(ServerTls(ours.certificate, ours.key, authority.file))
    assert isinstance(validity, Validity)
    assert validity.days_left(utc_now()) == 10
    assert own_certificate(ClientTls(authority.file)) is None


def test_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    """Missing, no PEM, another's key, a key with a pass phrase: each has its words, and none asks the terminal."""
    ours, other, locked = authority.issue("ours"), authority.issue("other"), authority.issue("locked", encrypted=True)
    missing, text = tmp_path / "missing.pem", tmp_path / "text.pem"
    text.write_text("no certificate")
    assert f"certificate {missing} cannot be read: No such file" in refusal(
        ServerTls(missing, ours.key, authority.file)
    )
    assert f"private key {missing} cannot be read" in refusal(ServerTls(ours.certificate, missing, authority.file))
    assert f"certificate {missing} cannot be read" in refusal(ServerTls(ours.certificate, ours.key, missing))
    assert f"{text} holds no certificate" in refusal(ServerTls(text, ours.key, authority.file))
    assert f"{text} holds no certificate" in refusal(ClientTls(text))
    assert f"private key {text} cannot be used" in refusal(ServerTls(ours.certificate, text, authority.file))
    words = refusal(ClientTls(authority.file, ours.certificate, other.key))
    assert words == f"private key {other.key} does not belong to certificate {ours.certificate}"
    os.mkfifo(pipe := tmp_path / "pipe")
    assert f"certificate {pipe} is not a file" in refusal(ClientTls(pipe))
    assert f"private key {pipe} is not a file" in refusal(ServerTls(ours.certificate, pipe, authority.file))
    assert f"private key {locked.key} has a pass phrase" in refusal(
        ServerTls(locked.certificate, locked.key, authority.file)
    )


def test_a_certificate_outside_its_time_is_refused(authority: Authority) -> None:
    """One that has run out and one that does not hold yet are told apart."""
    old = authority.issue("old", from_days=-9, to_days=-2)
    early = authority.issue("early", from_days=2, to_days=9)
    assert "has run out on" in refusal(ServerTls(old.certificate, old.key, authority.file))
    assert "does not hold before" in refusal(ServerTls(early.certificate, early.key, authority.file))


def test_settings_that_cannot_work_are_refused(authority: Authority) -> None:
    """A certificate cannot be required without an authority to judge it, nor be shown without its key."""
    ours = authority.issue("ours")
    with pytest.raises(ConfigurationInvalid, match="authorities"):
        ServerTls(ours.certificate, ours.key)
    with pytest.raises(ConfigurationInvalid, match="belong together"):
        ClientTls(authority.file, certificate=ours.certificate)
