"""What the worklist's pages are given of the commands."""

from datetime import timedelta
from functools import partial

from admin.drills import kept
from admin.status_command import collect
from config.settings import Settings
from worker.bootstrap import Collaborators
from worker.model_versions import weights_root
from worker.signs_of_life import SILENT_SECONDS
from worklist.desk import Desk


def desk_of(settings: Settings) -> Desk:
    """Give the desk of one service."""
    return Desk(
        settings=settings,
        status=partial(collect, Collaborators(settings)),
        drills=partial(kept.kept, settings),
        weights_root=weights_root(settings),
        silence=timedelta(seconds=SILENT_SECONDS),
    )
