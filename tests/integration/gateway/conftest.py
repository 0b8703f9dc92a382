"""A running SCP on a free port of the loopback, and what came of it."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from dicom_gateway.association_policy import AssociationPolicy
from dicom_gateway.association_scu import Destination
from dicom_gateway.associations import AssociationClosed, AssociationOpened, AssociationRejected
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.reception import ReceivedInstance
from dicom_gateway.scp_config import ScpConfig
from dicom_gateway.storage_scp import StorageScp

WAIT_SECONDS = 20.0
TRANSFER_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless)


def wait_for_threads(before: set[threading.Thread]) -> None:
    """Wait until no thread runs that did not run before, however it came to be started in between."""
    deadline = time.monotonic() + WAIT_SECONDS
    while new := set(threading.enumerate()) - before:
        assert time.monotonic() < deadline, f"still running: {new}"
        for thread in new:
            if thread.ident is not None:  # one that is just being started cannot be joined
                thread.join(0.1)


class Station:
    """An SCP and a record of everything it told."""

    def __init__(self, root: Path) -> None:
        self.store = InstanceStore(root)
        self.received: list[ReceivedInstance] = []
        self.opened: list[AssociationOpened] = []
        self.closed: list[AssociationClosed] = []
        self.rejected: list[AssociationRejected] = []
        #: Replaced by tests that want `on_instance` to fail or to wait.
        self.commit: Callable[[ReceivedInstance], None] = lambda _: None
        self._changed = threading.Condition()
        self.scp: StorageScp

    def start(self, policy: AssociationPolicy, **config: object) -> None:
        """Listen; `config` replaces the short time-outs and sizes of these tests."""
        values: dict[str, object] = {
            "transfer_syntaxes": TRANSFER_SYNTAXES,
            "maximum_object_bytes": 32 << 20,
            "acse_timeout_seconds": 5.0,
            "network_timeout_seconds": 5.0,
        }
        values |= {"host": "127.0.0.1", "port": 0, "ae_title": "CXR", "policy": policy} | config
        scp_config = ScpConfig(**values)  # type: ignore[arg-type]
        self.scp = StorageScp(
            scp_config,
            self.store,
            self._on_instance,
            on_association_open=lambda opened: self._note(self.opened, opened),
            on_association_closed=lambda closed: self._note(self.closed, closed),
            on_association_rejected=lambda rejected: self._note(self.rejected, rejected),
        )
        self.scp.start()

    def as_destination(self, **changes: object) -> Destination:
        """Describe the SCP to a sender."""
        host, port = self.scp.address
        values: dict[str, object] = {"ae_title": "CXR", "calling_ae_title": "MODALITY", "dimse_timeout_seconds": 20.0}
        return Destination("scp", host=host, port=port, **(values | changes))  # type: ignore[arg-type]

    def wait_closed(self, number: int = 1) -> list[AssociationClosed]:
        """Wait until so many associations are over."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.closed) >= number, WAIT_SECONDS)
            return list(self.closed)

    def left_in_incoming(self) -> list[str]:
        """List the temporary files."""
        return [path.name for path in self.store.incoming.iterdir()]

    def stored_files(self) -> list[Path]:
        """List the instances on disk."""
        return sorted(self.store.instances.rglob("*.dcm"))

    def _on_instance(self, instance: ReceivedInstance) -> None:
        self.commit(instance)
        self._note(self.received, instance)

    def _note(self, record: list, what: object) -> None:  # type: ignore[type-arg]
        with self._changed:
            record.append(what)
            self._changed.notify_all()


@pytest.fixture
def make_station(tmp_path: Path) -> Iterator[Callable[..., Station]]:
    """Start stations with a policy of their own; they are stopped at the end."""
    stations: list[Station] = []

    def make(policy: AssociationPolicy | None = None, **config: object) -> Station:
        station = Station(tmp_path / f"store{len(stations)}")
        station.start(policy or AssociationPolicy(maximum_associations=30), **config)
        stations.append(station)
        return station

    yield make
    for station in stations:
        station.scp.stop(grace_seconds=0)


@pytest.fixture
def station(make_station: Callable[..., Station]) -> Station:
    """Start a station that takes anybody."""
    return make_station()
