"""Every drill, in the order in which they run."""

from admin.drills import brokers, clocks, databases, disks, kills, pacs, peers, poison, repeats, stow
from admin.drills.drill import Drill

DRILLS: tuple[Drill, ...] = (
    *kills.DRILLS,
    *stow.DRILLS,
    *brokers.DRILLS,
    *databases.DRILLS,
    *disks.DRILLS,
    *pacs.DRILLS,
    *poison.DRILLS,
    *repeats.DRILLS,
    *clocks.DRILLS,
    *peers.DRILLS,
)
