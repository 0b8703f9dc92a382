"""What a child process may be asked to survive; picklable by name, because children are spawned."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from admin import predict_command
from admin.predict_command import Prediction
from domain.errors import ConfigurationInvalid

#: Taken before a test puts `predictor` in its place.
_real_predictor = predict_command._predictor


def make() -> Callable[[str], str]:
    """Give what answers, dies or hangs, as it is asked to."""
    return _answer


def _answer(question: str) -> str:
    if question == "abort":
        os.abort()
    if question == "exit":
        os._exit(3)
    if question == "hang":
        signal.pause()
    return f"{question}, {os.getpid()}"


def refuse() -> Callable[[str], str]:
    """Fail to start, as with a model that is not there."""
    raise ConfigurationInvalid("no such model")


def die() -> Callable[[str], str]:
    """End before anything can be asked."""
    os.abort()


def predictor(config: Path | None, heat_maps: Path | None) -> Callable[[Path], Prediction]:
    """Read files as `predict` does, but end the process over those that are called so: a crash inside a decoder."""
    predict = _real_predictor(config, heat_maps)

    def answer(file: Path) -> Prediction:
        if "deadly" in file.name:
            os.abort()
        return predict(file)

    return answer
