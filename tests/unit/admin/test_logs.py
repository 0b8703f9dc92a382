"""Whatever logs an exception, in whichever form: its words and the variables around it stay out."""

import subprocess
import sys

import pytest

_SERVICE = """
import logging, threading
from config.settings import ServiceSettings
from admin.logs import configure_logging

configure_logging(ServiceSettings.model_construct(log_format={form!r}, log_level="info"), "worker")

def fail():
    patient_name = "DOE^JANE"
    raise ValueError(f"no such patient: {{patient_name}}")

def library():
    try:
        fail()
    except ValueError:
        logging.getLogger("sqlalchemy.pool").error("Exception terminating connection", exc_info=True)

{what}
"""


def _log_of(form: str, what: str) -> str:
    script = _SERVICE.format(form=form, what=what)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    ("what", "event"),
    [
        ("library()", "Exception terminating connection"),
        ("fail()", "unexpected_error"),
        ("thread = threading.Thread(target=fail); thread.start(); thread.join()", "unexpected_error_of_thread"),
    ],
    ids=["library", "end", "thread"],
)
def test_an_exception_is_logged_by_type_and_place(form: str, what: str, event: str) -> None:
    """A library's line, an error that ends the process, and one that ends a thread."""
    log = _log_of(form, what)
    assert event in log
    assert "ValueError" in log
    assert " fail" in log
    assert "DOE" not in log
    assert "patient" not in log
