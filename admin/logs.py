"""Structured logs: UIDs, AE titles and our own ids; never names or other patient data."""

import logging
import sys
import warnings

import structlog

from config.settings import ServiceSettings

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
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
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
