from pathlib import Path

import pytest

from config.load import load_settings
from domain.errors import ConfigurationInvalid


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "worklist.example", "::"])  # noqa: S104 - must be refused
def test_beyond_this_machine_needs_tls(host: str) -> None:
    """Neither passwords nor names cross a network in the clear; the message says what to set."""
    with pytest.raises(ConfigurationInvalid, match=r"worklist.*tls_certificate and tls_key, or trusted_proxies"):
        load_settings(None, {"worklist": {"host": host}})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_this_machine_alone_needs_none(host: str) -> None:
    """Whatever its loopback is called."""
    assert not load_settings(None, {"worklist": {"host": host}}).worklist.has_tls


def test_a_certificate_or_a_trusted_proxy_opens_it(tmp_path: Path) -> None:
    """Cookies are then Secure; half a certificate is none."""
    file = tmp_path / "x.pem"
    file.touch()
    for given in ({"tls_certificate": str(file), "tls_key": str(file)}, {"trusted_proxies": ["192.0.2.0/24"]}):
        assert load_settings(None, {"worklist": {"host": "0.0.0.0", **given}}).worklist.has_tls  # noqa: S104
    with pytest.raises(ConfigurationInvalid, match="belong together"):
        load_settings(None, {"worklist": {"tls_key": str(file)}})


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x/{patient_name}", "https://x/{}", "https://x/{"])
def test_a_viewer_url_is_a_web_address_with_known_names(url: str) -> None:
    """No script, and no patient data beyond the accession number."""
    with pytest.raises(ConfigurationInvalid, match=r"worklist\.viewer_url"):
        load_settings(None, {"worklist": {"viewer_url": url}})
