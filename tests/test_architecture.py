import subprocess
import sys

import pytest

_TRAINING_ONLY = ("tensorflow", "keras", "sklearn", "onnx", "matplotlib", "torch")


@pytest.mark.parametrize(
    "module",
    ["admin.cli", "worker.listening", "worker.process", "worker.bootstrap", "worker.readiness", "worklist.serving"],
)
def test_the_live_service_loads_no_training_library(module: str) -> None:
    """What a live study passes through imports nothing of the train and transfer extras."""
    code = f"import sys, {module}; print([m for m in {_TRAINING_ONLY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
