import itertools
import re
import tomllib
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from config.destinations import (
    DestinationSettings,
    DicomwebDestinationSettings,
    Hl7DestinationSettings,
    UpsDestinationSettings,
)
from config.load import DEFAULTS_FILE, known_keys, load_settings, variable_of
from config.peers import PeerSettings
from config.tls import DestinationTlsSettings
from domain.errors import ConfigurationInvalid


def keys_of(table: dict[str, Any], stem: str = "") -> set[str]:
    """Give the keys of a TOML table and of those in it, with dots."""
    keys: set[str] = set()
    for name, value in table.items():
        keys |= keys_of(value, f"{stem}{name}.") if isinstance(value, dict) else {stem + name}
    return keys


def test_default_toml_holds_every_key_and_no_other() -> None:
    """What is documented is what exists."""
    tables = {"destinations", "ups_destinations", "hl7_destinations", "dicomweb_destinations", "peers"}
    assert keys_of(tomllib.loads(DEFAULTS_FILE.read_text())) == set(known_keys()) - tables


def test_every_key_of_default_toml_has_a_comment() -> None:
    """Each key is explained on the line above it, or shares the comment of its pair."""
    lines = DEFAULTS_FILE.read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"^[a-z_]+ = ", line):
            assert before.startswith("#") or re.match(r"^[a-z]+_time_limit_seconds = ", before), line


def test_every_key_of_a_peer_is_documented() -> None:
    """The commented example of a sender with rules of its own names each key."""
    text = DEFAULTS_FILE.read_text()
    assert [key for key in PeerSettings.model_fields if f"# {key} = " not in text] == []


def test_every_key_of_tls_to_a_destination_is_documented() -> None:
    """The example and its comment name each key of the inline table."""
    text = DEFAULTS_FILE.read_text()
    assert [key for key in DestinationTlsSettings.model_fields if f"{key} = " not in text] == []


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("destinations", DestinationSettings),
        ("ups_destinations", UpsDestinationSettings),
        ("hl7_destinations", Hl7DestinationSettings),
        ("dicomweb_destinations", DicomwebDestinationSettings),
    ],
)
def test_every_destination_key_is_documented(table: str, kind: type[BaseModel]) -> None:
    """The commented example of each kind of destination names each key."""
    text = DEFAULTS_FILE.read_text().partition(f"# [[{table}]]")[2].partition("# [[")[0]
    assert [key for key in kind.model_fields if f"# {key} = " not in text] == []


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command line above environment above file above defaults, key by key."""
    file = tmp_path / "cxr.toml"
    file.write_text('[listener]\nport = 1\nae_title = "FILE"\nhost = "file"\n')
    monkeypatch.setenv("CXR_LISTENER__PORT", "2")
    monkeypatch.setenv("CXR_LISTENER__AE_TITLE", "ENV")
    listener = load_settings(file, {"listener": {"port": 3}}).listener
    assert (listener.port, listener.ae_title, listener.host) == (3, "ENV", "file")
    assert listener.maximum_associations == 50


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[listener]\nprt = 1\n", ("listener.prt", "did you mean listener.port")),
        ("[lissener]\nport = 1\n", ("lissener", "did you mean listener")),
        ("[listener]\nport = 70000\n", ("listener.port", "65535", "CXR_LISTENER__PORT")),
        ('[listener]\nae_title = "MUCH TOO LONG A TITLE"\n', ("listener.ae_title", "16")),
        ('[service]\nlog_level = "loud"\n', ("service.log_level", "warning")),
        ("[analysis]\nhard_time_limit_seconds = 5\n", ("analysis", "must exceed soft_time_limit_seconds")),
        ("[broker]\nvisibility_timeout_seconds = 10\n", ("visibility_timeout_seconds must exceed",)),
        ("[readiness]\nstudy_quiet_seconds = inf\n", ("readiness.study_quiet_seconds", "finite")),
        ("[readiness]\nsweep_seconds = nan\n", ("readiness.sweep_seconds", "finite")),
        ("[delivery]\nsoft_time_limit_seconds = 900000\n", ("delivery.soft_time_limit_seconds", "604800")),
        ('[listener]\nhost = ""\n', ("listener.host", "host name or an IP address")),
        ('[listener]\naccepted_called_ae_titles = ["A\\\\B"]\n', ("accepted_called_ae_titles.0", "backslash")),
        ('[listener]\naccepted_calling_ae_titles = ["A\\u0007"]\n', ("accepted_calling_ae_titles.0", "control")),
        ('[service]\ndata_dir = "~no-such-account/x"\n', ("service.data_dir", "home")),
        ('[service]\ndata_dir = ""\n', ("service.data_dir", "folder")),
        ("[back_pressure]\naccept_above_free_megabytes = 5\n", ("back_pressure", "stop_below_free <= accept_above")),
        ("[back_pressure]\naccept_below_waiting = 30000\n", ("back_pressure", "accept_below_waiting <= stop_above")),
        ("[retention]\npurge_below_free_megabytes = 5\n", ("purge_below_free_megabytes must be 0, or not below",)),
        ("[back_pressure]\nquota_megabytes = 10\n", ("back_pressure", "quota_megabytes must exceed")),
        ('[[destinations]]\nname = "a"\n', ("destinations.0.ae_title", "required")),
        ("[listener\n", ("cannot be read",)),
        ("[listener.tls]\nprt = 1\n", ("listener.tls.prt", "did you mean listener.tls.port")),
        ("[listener.tls]\nport = 70000\n", ("listener.tls.port", "65535", "CXR_LISTENER__TLS__PORT")),
        ('[listener.tls]\ncertificate = "a.pem"\n', ("listener.tls", "certificate and key belong together")),
        ('[listener.tls]\ncertificate = "a.pem"\nkey = "a.key"\n', ("require_client_certificate needs ca",)),
        ('[listener.tls]\nca = "a\\u0000"\n', ("listener.tls.ca", "must be a file's path")),
        ("[listener]\nmaximum_pdu_bytes = 100\n", ("listener.maximum_pdu_bytes", "4096")),
        ('[peers.a]\nae_titel = "A"\n', ("peers.a.ae_titel", "did you mean peers.a.ae_title")),
        ('[peers.a]\nae_title = "A\\\\B"\n', ("peers.a.ae_title", "must be an AE title", "CXR_PEERS")),
        ('[[destinations]]\ntls.crt = "a"\n', ("destinations.0.tls.crt", "did you mean destinations.0.tls.c")),
        ('[[destinations]]\ntls.server_name = "a b"\n', ("destinations.0.tls.server_name", "must be a host name")),
        ('[peers.a]\nae_title = "A"\nsop_classes = ["CT"]\n', ("peers.a.sop_classes.0", "MULTIFRAME_SC")),
        ('[peers.a]\nae_title = "A"\naddresses = ["ten"]\n', ("peers.a.addresses.0",)),
        ('[peers.a]\nae_title = "A"\nrequire_tls = true\n', ("peers.a.require_tls needs [listener.tls]",)),
        ('[peers.a]\nae_title = "A"\n[peers.b]\nae_title = "A"\n', ("share the AE title A",)),
        ('[peers.a]\nae_title = "A"\necho_only = true\nsop_classes = ["CR"]\n', ("contradict",)),
        ('[peers.a]\nanswer_to = { host = "a b", port = 104 }\n', ("peers.a.answer_to.host", "must be a host name")),
        ('[peers.a]\nanswer_to = { host = "h", prt = 104 }\n', ("did you mean peers.a.answer_to.port",)),
        (
            '[peers.a]\nae_title = "A"\nrequire_tls = true\nanswer_to = { host = "h", port = 104 }\n',
            ("peers.a: require_tls needs answer_to.tls", "in the clear"),
        ),
        (
            '[peers.a]\nae_title = "A"\necho_only = true\nanswer_to = { host = "h", port = 104 }\n',
            ("echo_only and answer_to contradict",),
        ),
    ],
)
def test_a_bad_file_is_refused_with_the_key_and_what_would_be_right(
    tmp_path: Path, content: str, words: tuple[str, ...]
) -> None:
    """The start stops, naming key and remedy."""
    file = tmp_path / "cxr.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationInvalid) as refused:
        load_settings(file)
    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo in the environment does not pass for a setting."""
    monkeypatch.setenv("CXR_LISTENER__PROT", "1")
    with pytest.raises(ConfigurationInvalid, match="did you mean CXR_LISTENER__PORT"):
        load_settings()


def test_no_duration_is_longer_than_a_clock_can_count() -> None:
    """Every setting in seconds, of every section and of a destination, refuses what no timer takes."""
    keys = [key for key in known_keys() if key.endswith("_seconds")]
    accepted = []
    for key in keys:
        section, name = key.split(".")
        with pytest.raises(ConfigurationInvalid, match=key):
            accepted.append(load_settings(None, {section: {name: 1e300}}))
    assert len(keys) > 10
    peer = {"name": "a", "ae_title": "A", "host": "h", "port": 104}
    for name in [name for name in DestinationSettings.model_fields if name.endswith("_seconds")]:
        with pytest.raises(ConfigurationInvalid, match=rf"destinations.0.{name}.*CXR_DESTINATIONS"):
            load_settings(None, {"destinations": [{**peer, name: float("inf")}]})


@pytest.mark.parametrize("title", ["MUCH TOO LONG A TITLE", "A\\B", "A\tB", " A", "Ä", ""])
@pytest.mark.parametrize(
    "key", ["accepted_called_ae_titles", "accepted_calling_ae_titles", "secondary_capture_ae_titles"]
)
def test_every_list_of_ae_titles_holds_ae_titles(key: str, title: str) -> None:
    """What no peer can be called is refused by its place in the list."""
    with pytest.raises(ConfigurationInvalid, match=rf"listener\.{key}\.1: must be an AE title"):
        load_settings(None, {"listener": {key: ["ROOM 1", title]}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CXR_LISTENER__ACCEPTED_CALLED_AE_TITLES", '["A", "B"'),
        ("CXR_LISTENER__ACCEPTED_ADDRESSES", "10.0.0.1"),
        ("CXR_LISTENER", '{"port":'),
        ("CXR_LISTENER", "5"),
        ("CXR_DESTINATIONS", '[{"name":'),
        ("CXR_DESTINATIONS", '{"name": "a"}'),
        ("CXR_LISTENER__TLS", '{"port":'),
        ("CXR_LISTENER__TLS", "2762"),
        ("cxr_listener__tls__prt", "2762"),
        ("CXR_PEERS", '[{"ae_title": "A"}]'),
        ("CXR_PEERS", "room"),
        ("CXR_PEERS__ROOM__AE_TITLE", "A"),
        ("CXR_DESTINATIONS__0__PORT", "104"),
        ("CXR_LISTENER__PORT__X", "104"),
        ("CXR_LISSENER__PORT", "104"),
        ("cxr_lissener__port", "104"),
    ],
)
def test_a_malformed_variable_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Broken JSON, the wrong kind of JSON, and a variable without a key."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationInvalid, match=f"variable {name} (must hold|sets nothing)"):
        load_settings()


def test_a_refused_password_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the words nor the cause of a refusal hold what a secret was set to."""
    for value in ('{"url": {"secret": "hush"}}', '{"url": "postgresql://u:hush@h/n"'):
        monkeypatch.setenv("CXR_DATABASE", value)
        with pytest.raises(ConfigurationInvalid, match=r"database\.url|CXR_DATABASE") as refused:
            load_settings()
        assert "hush" not in "".join(traceback.format_exception(refused.value))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """A folder, and bytes that are no text."""
    with pytest.raises(ConfigurationInvalid, match="is not a file"):
        load_settings(tmp_path)
    (tmp_path / "cxr.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        load_settings(tmp_path / "cxr.toml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A --config that does not exist is no silent default."""
    with pytest.raises(ConfigurationInvalid, match="does not exist"):
        load_settings(tmp_path / "none.toml")


def test_destinations_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of tables is given as JSON."""
    monkeypatch.setenv("CXR_DESTINATIONS", '[{"name": "a", "ae_title": "A", "host": "h", "port": 104}]')
    assert [d.ae_title for d in load_settings().destinations] == ["A"]


def test_peers_of_one_title_are_told_apart_by_address(tmp_path: Path) -> None:
    """Modalities that cannot be told apart by title are no fault as long as their addresses differ."""
    file = tmp_path / "cxr.toml"
    tables = [f'[peers.{n}]\nae_title = "A"\naddresses = ["192.0.2.{n}"]\n' for n in (1, 2)]
    file.write_text("".join(tables))
    assert [str(peer.addresses[0]) for peer in load_settings(file).peers.values()] == ["192.0.2.1/32", "192.0.2.2/32"]


def test_tls_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table within a section has its twins too."""
    for key in ("CERTIFICATE", "KEY", "CA"):
        monkeypatch.setenv(f"CXR_LISTENER__TLS__{key}", "file.pem")
    assert load_settings().listener.tls.is_on


def test_variables_are_named_after_their_keys() -> None:
    """section.key becomes CXR_SECTION__KEY."""
    assert variable_of("readiness.study_quiet_seconds") == "CXR_READINESS__STUDY_QUIET_SECONDS"


def test_a_password_is_not_shown() -> None:
    """The representation of the settings, which ends up in tracebacks, masks the URL."""
    settings = load_settings(None, {"database": {"url": "postgresql://u:hunter2@h/n"}})
    assert settings.database_url == "postgresql://u:hunter2@h/n"
    assert "hunter2" not in repr(settings)


def test_each_table_of_destinations_is_set_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in JSON; a bad key is named with its variable and with what would be right."""
    ups = '[{"name": "w", "ae_title": "W", "host": "h", "port": 1}]'
    monkeypatch.setenv("CXR_UPS_DESTINATIONS", ups)
    monkeypatch.setenv("CXR_HL7_DESTINATIONS", '[{"name": "r", "host": "h", "port": 2}]')
    assert load_settings(None, {}).destination_names == ("w", "r")
    monkeypatch.setenv("CXR_HL7_DESTINATIONS", '[{"name": "w", "host": "h", "port": 2}]')
    with pytest.raises(ConfigurationInvalid, match="name of its own"):
        load_settings(None, {})
    monkeypatch.setenv("CXR_HL7_DESTINATIONS", '[{"name": "r", "host": "h", "prt": 2}]')
    with pytest.raises(ConfigurationInvalid, match=r"hl7_destinations.0.prt.*did you mean hl7_destinations.0.port"):
        load_settings(None, {})
    monkeypatch.setenv("CXR_HL7_DESTINATIONS", "{}")
    with pytest.raises(ConfigurationInvalid, match="must hold a list"):
        load_settings(None, {})
    monkeypatch.delenv("CXR_HL7_DESTINATIONS")
    monkeypatch.setenv("CXR_UPS_DESTINATIONS", ups.replace('"W"', '"W", "report_destination": "nowhere"'))
    with pytest.raises(ConfigurationInvalid, match="nowhere is no destination"):
        load_settings(None, {})
