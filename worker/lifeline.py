"""No orphans: a process that dies takes its children along."""

import ctypes
import signal

#: prctl(2): have the kernel send this signal when the parent dies.
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, however that happens (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
