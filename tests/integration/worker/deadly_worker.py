"""`python -m tests.integration.worker.deadly_worker`: a real worker whose decoder dies or hangs over some studies.

No stream is known any more that ends a decoder, so the fault is put in where the decoder is called. Settings come from
the environment.
"""

import os
import signal
import sys

import numpy as np
from pydicom.dataset import Dataset

from admin.logs import configure_logging
from config.load import load_settings
from dicom_gateway import display
from dicom_gateway.decode import StoredValues, decode_pixels
from worker.process import run_worker
from worker.queue import ANALYSE_QUEUE

#: How the Study Instance UIDs end (tests.acceptance.xrays).
DEADLY, HANGING, HUNGRY = 666, 777, 888


def decode_or_die(ds: Dataset) -> StoredValues:
    """Decode, but for the studies that are meant to harm."""
    number = int(str(ds.StudyInstanceUID).rpartition(".")[2])
    if number == DEADLY:
        os.abort()
    if number == HANGING:
        # A decoder in C never comes back to Python: the signal of the soft time limit is not seen.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        signal.pause()
    if number == HUNGRY:
        # More than the worker of these tests may hold, and nothing of it is used: it is refused where it is asked for.
        return np.ones(4 << 30, np.uint16)
    return decode_pixels(ds)


if __name__ == "__main__":
    settings = load_settings(None, {})
    configure_logging(settings.service, "work")
    display.decode_pixels = decode_or_die
    sys.exit(run_worker(settings, [ANALYSE_QUEUE]))
