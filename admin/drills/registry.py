"""Every drill, in the order in which they run."""

from admin.drills import kills
from admin.drills.drill import Drill

DRILLS: tuple[Drill, ...] = (*kills.DRILLS,)
