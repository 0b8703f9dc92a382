"""`python -m tests.integration.worker.deaf_worker`: a real worker that stops to listen once it is ready.

It keeps its connection and lives on, as Celery's own consumers have done after a broker was away. Settings come from
the environment.
"""

import sys
from typing import Any

from celery import signals

from admin.logs import configure_logging
from config.load import load_settings
from worker import hearing, process
from worker.queue import DELIVER_QUEUE

#: Written to stderr.
DEAF_NOW = "deaf now"


def _go_deaf(sender: Any, **_: Any) -> None:
    sender.cancel_task_queue(DELIVER_QUEUE)
    sys.stderr.write(f"{DEAF_NOW}\n")


if __name__ == "__main__":
    settings = load_settings(None, {})
    configure_logging(settings.service, "work")
    hearing._LOOK_SECONDS = 0.1
    process._RECONNECTION_SECONDS = 0
    signals.worker_ready.connect(_go_deaf, weak=False)
    sys.exit(process.run_worker(settings, [DELIVER_QUEUE]))
