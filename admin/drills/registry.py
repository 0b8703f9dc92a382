"""Every drill, in the order in which they run."""

from admin.drills import brokers, clocks, databases, disks, kills, peers, poison, repeats
from admin.drills.drill import Drill

DRILLS: tuple[Drill, ...] = (
    *kills.DRILLS,
    *brokers.DRILLS,
    *databases.DRILLS,
    *disks.DRILLS,
    *poison.DRILLS,
    *repeats.DRILLS,
    *clocks.DRILLS,
    *peers.DRILLS,
)
