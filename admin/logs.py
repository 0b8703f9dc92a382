"""Structured logs: UIDs, AE titles and our own ids; never names or other patient data."""

import logging
import sys
import threading
import warnings
from types import TracebackType

import structlog

from config.settings import ServiceSettings
from domain import traces

#: Libraries that say too much at their default level, or quote element values in what they say.
_QUIET = {
    "pydicom": logging.CRITICAL,
    "pynetdicom": logging.CRITICAL,
    "highdicom": logging.CRITICAL,
    "PIL": logging.WARNING,
    "alembic": logging.WARNING,
    "celery.app.trace": logging.CRITICAL,  # quotes exceptions; worker.tasks logs their type and place
    "celery.worker.strategy": logging.WARNING,
    "kombu": logging.WARNING,
    "amqp": logging.WARNING,
}


def configure_logging(settings: ServiceSettings, process: str) -> None:
    """Send every log line of this process of the service, ours and the libraries', to stderr in one form."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    _configure(settings.log_level, process, as_json=as_json)


def configure_quiet_logging() -> None:
    """Let a command that prints its own answer log errors only."""
    _configure("error", "cli", as_json=False)


def _configure(level: str, process: str, *, as_json: bool) -> None:
    def name_process(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_process,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _tell_exception, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
    # Those of pydicom and highdicom quote element values, and so could quote patient data.
    warnings.simplefilter("ignore")
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _log_end
    threading.excepthook = _log_end_of_thread


def _tell_exception(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put types and places where renderers would show an exception's words, and even local variables."""
    exc_info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    found = sys.exc_info() if exc_info is True else exc_info
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["trace"] = traces.told_whole(error)
    return event


def _log_end(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    structlog.get_logger().critical("unexpected_error", exc_info=error)


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        thread = ended.thread.name if ended.thread else None
        structlog.get_logger().critical("unexpected_error_of_thread", thread=thread, exc_info=ended.exc_value)
