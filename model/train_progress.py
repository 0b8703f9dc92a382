"""Who is told how a training run goes on."""

from collections.abc import Callable
from dataclasses import dataclass

from model.run_folder import EpochRecord

#: Called after each step with (epoch counted from 1, steps done in it, steps an epoch has).
StepProgress = Callable[[int, int, int], None]
#: Called after each epoch.
EpochProgress = Callable[[EpochRecord], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """Who is told how the run goes on."""

    on_step: StepProgress
    on_epoch: EpochProgress
