"""The intake watch: measures disk and queue for the Storage SCP, and tells when receiving stops and goes on."""

import socket
import threading

import structlog

from config.operations import BackPressureSettings
from db import intake_load
from db.session import Engine
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.room import Level, Room
from domain.clock import utc_now
from domain.errors import StoreUnavailable
from domain.water_marks import Obstacle, WaterMarks

_log = structlog.get_logger()
#: Seconds between two measurements; in between the room counts down what is received.
_MEASURE_SECONDS = 1.0
#: Measurements after which the stored bytes are summed up anew, and not only those of new rows.
_SUM_UP_EVERY = 60
_MEGABYTE = 10**6


class IntakeWatch:
    """Holds the room of one listener."""

    def __init__(self, engine: Engine, store: InstanceStore, settings: BackPressureSettings) -> None:
        """Measure once. Raises StoreUnavailable."""
        self._engine = engine
        self._store = store
        self._quota = round(settings.quota_megabytes * _MEGABYTE)
        self._waiting = 0
        self._stored, self._newest_row, self._sums = 0, 0, 0
        self._logged = False
        self._refused_before = 0
        self._recorded = intake_load.is_stopped(intake_load.latest_change(engine))
        self.room = Room(water_marks(settings), self._measure)

    def run(self, stop: threading.Event) -> None:
        """Measure and tell until `stop` is set."""
        while not stop.wait(_MEASURE_SECONDS):
            self.look()

    def look(self) -> None:
        """Measure once, and tell of a change; what cannot be measured or written down is tried the next time."""
        try:
            self.room.refresh()
        except StoreUnavailable as error:
            _log.warning("room_not_measured", error=str(error))
        self._tell()

    def _measure(self) -> Level:
        free = self._store.free_bytes()
        try:
            self._waiting = intake_load.waiting(self._engine)
            left = self._quota_left() if self._quota else None
        except StoreUnavailable:  # senders hear of it themselves; the disk is measured all the same
            left = self._quota - self._stored if self._quota else None
        return Level(free, self._waiting, left)

    def _quota_left(self) -> int:
        if self._sums % _SUM_UP_EVERY == 0:
            self._stored, self._newest_row = 0, 0
        self._sums += 1
        more, self._newest_row = intake_load.stored_bytes(self._engine, self._newest_row)
        self._stored += more
        return self._quota - self._stored

    def _tell(self) -> None:
        obstacles = self.room.obstacles
        if bool(obstacles) != self._logged:
            self._logged = bool(obstacles)
            self._log_change(obstacles)
        if bool(obstacles) != self._recorded:
            try:
                names = sorted(obstacles)
                intake_load.record_change(self._engine, utc_now(), obstacles=names, **self._facts())
            except StoreUnavailable:  # a full disk may not take it: the next time
                return
            self._recorded = bool(obstacles)

    def _log_change(self, obstacles: frozenset[Obstacle]) -> None:
        if obstacles:
            _log.warning("intake_stopped", obstacles=sorted(obstacles), **self._facts())
        else:
            refused = self.room.refused - self._refused_before
            self._refused_before = self.room.refused
            _log.warning("intake_resumed", instances_refused=refused, **self._facts())

    def _facts(self) -> dict[str, int | str | None]:
        level = self.room.level
        return {
            "listener": socket.gethostname(),
            "free_bytes": level.free_bytes,
            "quota_left_bytes": level.quota_left_bytes,
            "waiting": level.waiting,
        }


def water_marks(settings: BackPressureSettings) -> WaterMarks:
    """Give the values that the gateway needs."""
    return WaterMarks(
        reserve_bytes=round(settings.reserve_megabytes * _MEGABYTE),
        stop_below_free_bytes=round(settings.stop_below_free_megabytes * _MEGABYTE),
        accept_above_free_bytes=round(settings.accept_above_free_megabytes * _MEGABYTE),
        stop_above_waiting=settings.stop_above_waiting,
        accept_below_waiting=settings.accept_below_waiting,
    )
