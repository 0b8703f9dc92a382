"""Serve the application until told to stop."""

import threading

import structlog

from config.published import WORKLIST
from config.settings import Settings
from db import schema
from db.session import make_engine
from dicom_gateway.instance_store import InstanceStore
from worklist.app import make_app
from worklist.desk import Desk
from worklist.web_server import serve_until

_log = structlog.get_logger()


def run_worklist(settings: Settings, desk: Desk, stop: threading.Event) -> None:
    """Serve pages and API until `stop` is set; where they listen is written into run/worklist.json.

    Raises ConfigurationInvalid when the database is not this version's, Transient when the port is taken.
    """
    engine = make_engine(settings.database_url)
    schema.require_newest(engine)
    app = make_app(engine, InstanceStore(settings.service.data_dir), settings.worklist, desk)
    _log.info("worklist_started", host=settings.worklist.host, port=settings.worklist.port)
    serve_until(stop, app, settings.worklist, settings.run_dir / WORKLIST)
    engine.dispose()
