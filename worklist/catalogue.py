"""Reads the header of each new study once, and keeps what a row shows: no page ever opens an image's file for it."""

import threading
from pathlib import Path

import structlog

from db import worklist_entries
from db.session import Engine
from db.tables import Instance
from dicom_gateway.header import read_header
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.source_facts import study_facts
from domain.errors import Rejected, Transient
from domain.study_facts import StudyFacts

_log = structlog.get_logger()
#: Seconds between two looks for new studies.
_LOOK_SECONDS = 1.0
#: Studies at once: after an upgrade there may be many.
_BATCH = 200


class Catalogue:
    """Keeps the facts of studies. Several may run: each study's are the same, whoever reads them."""

    def __init__(self, engine: Engine, store: InstanceStore) -> None:
        self._engine = engine
        self._store = store

    def run(self, stop: threading.Event) -> None:
        """Read what is new until `stop` is set."""
        while not stop.is_set():
            try:
                while self.look() == _BATCH and not stop.is_set():
                    pass
            except Transient as error:
                _log.warning("catalogue_waits", error=type(error).__name__)
            stop.wait(_LOOK_SECONDS)

    def look(self) -> int:
        """Read one batch; gives how many studies it was. Raises StoreUnavailable."""
        found = worklist_entries.without_facts(self._engine, _BATCH)
        for study_id, images in found:
            instance_id, facts = self._first_readable(images)
            worklist_entries.keep_facts(self._engine, study_id, instance_id, facts)
        return len(found)

    def _first_readable(self, images: list[Instance]) -> tuple[int, StudyFacts | None]:
        for image in images:
            try:
                return image.id, facts_of(self._store.path_of(image.relative_path))
            except Rejected:
                _log.warning("header_not_readable", sop_instance_uid=image.sop_instance_uid)
        return images[0].id, None


def facts_of(path: Path) -> StudyFacts:
    """Give what one stored header says of its study. Raises Rejected when it cannot be read, StoreUnavailable."""
    return study_facts([read_header(path)], None)
