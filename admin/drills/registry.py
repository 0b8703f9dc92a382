"""Every drill, in the order in which they run."""

from admin.drills import brokers, databases, disks, kills, repeats
from admin.drills.drill import Drill

DRILLS: tuple[Drill, ...] = (
    *kills.DRILLS,
    *brokers.DRILLS,
    *databases.DRILLS,
    *disks.DRILLS,
    *repeats.DRILLS,
)
