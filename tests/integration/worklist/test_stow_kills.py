"""The STOW-RS server killed by SIGKILL: what it acknowledged is kept, the rest is taken when it is sent again."""

import http.client
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from db import instances, studies
from db.session import make_engine
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.stow_scu import WebDestination
from dicom_gateway.stow_sending import send_files
from domain.failpoints import FAILPOINTS_VARIABLE, Arming, FailAction, Failpoint, Failpoints
from tests.acceptance.xrays import write_xray
from tests.integration.worklist.stow import AUTHORISED, CONTENT_TYPE, TOKEN, body, stow_process, stow_settings

_POINTS = [point for point in Failpoint if point.value.startswith("receive.")]
#: Of tests.acceptance.xrays.
_STUDY = "1.2.826.0.1.3680043.10.1.1"
_FIRST, _BOTH = [f"{_STUDY}.1.1"], [f"{_STUDY}.1.1", f"{_STUDY}.1.2"]
#: Steps after which an instance counts, though its sender was told nothing.
_COMMITTED = {Failpoint.RECEIVE_AFTER_COMMIT, Failpoint.RECEIVE_BEFORE_ANSWER}
_PATIENCE_SECONDS = 60.0


class Site:
    """A data folder, its database and store, and a study of two images to send."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = stow_settings(folder / "data")
        self.data_dir = self.settings.service.data_dir
        self.engine: Engine = make_engine(self.settings.database_url)
        self.store = InstanceStore(self.data_dir)
        self.failpoints = Failpoints(folder / "failpoints")
        (folder / "failpoints").mkdir()
        self.environment = {FAILPOINTS_VARIABLE: str(folder / "failpoints")}
        self.files = [write_xray(folder, number=number) for number in (1, 2)]

    def send(self, address: str, *files: Path) -> list[bool]:
        """Send files by one request; gives what was acknowledged."""
        server = WebDestination("ours", f"{address}/dicomweb", TOKEN, 10.0, 60.0)
        return [outcome.is_stored for outcome in send_files(server, files or self.files)]

    @property
    def counted(self) -> list[str]:
        """The SOP Instance UIDs that are in the database, each of which must have its whole file."""
        study = studies.find(self.engine, _STUDY)
        rows = instances.all_of_study(self.engine, study.id) if study is not None else []
        assert all(self.store.verify(row.relative_path, row.sha256, row.size_bytes) for row in rows)
        return sorted(row.sop_instance_uid for row in rows)

    @property
    def half_received(self) -> list[Path]:
        """What a request left that came to no end."""
        return list(self.store.incoming.glob("*.part"))

    @property
    def kept(self) -> list[Path]:
        """Every file of the store, whether a row speaks of it or not."""
        return list(self.store.instances.rglob("*.dcm"))

    def is_taken_again(self) -> None:
        """Start the server anew, and send everything once more: all of it is taken, and is there once."""
        with stow_process(self.data_dir, self.environment) as (_, address):
            assert self.half_received == []
            assert self.send(address) == [True, True]
        assert self.counted == _BOTH
        assert len(self.kept) == len(_BOTH)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty site."""
    made = Site(tmp_path)
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("point", _POINTS)
def test_a_server_killed_at_a_step_loses_nothing_that_it_acknowledged(site: Site, point: Failpoint) -> None:
    """The image before stays; the one under way is not acknowledged, counts whole or not at all, and is taken again."""
    with stow_process(site.data_dir, site.environment) as (process, address):
        assert site.send(address, site.files[0]) == [True]
        site.failpoints.arm(point, Arming(FailAction.KILL, once=True))
        assert site.send(address, site.files[1]) == [False]
        assert process.wait(_PATIENCE_SECONDS) == -signal.SIGKILL
    assert site.counted == (_BOTH if point in _COMMITTED else _FIRST)
    site.is_taken_again()


def test_a_server_killed_in_mid_request_leaves_no_half_of_an_image(site: Site) -> None:
    """Parts that were complete count, though nobody was told; what was half there is gone, and all is taken again."""
    contents = [file.read_bytes() for file in site.files]
    whole = body(*contents * 5)
    with stow_process(site.data_dir, site.environment) as (process, address):
        sender = http.client.HTTPConnection(urlsplit(address).netloc, timeout=_PATIENCE_SECONDS)
        headers = {**AUTHORISED, "Content-Type": CONTENT_TYPE, "Content-Length": str(len(whole))}
        sender.putrequest("POST", "/dicomweb/studies")
        for name, value in headers.items():
            sender.putheader(name, value)
        sender.endheaders(whole[: -len(contents[-1]) // 2])
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (site.counted == _BOTH and site.half_received):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            sender.getresponse()
        sender.close()
    assert len(site.half_received) == 1
    site.is_taken_again()
