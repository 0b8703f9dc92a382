"""The memory that one process of a worker may hold."""

import resource

#: For settings: a megabyte as disks and networks count it.
_MEGABYTE = 10**6


def limit_memory(megabytes: int) -> None:
    """Let this process hold so much memory and no more; what asks for more gets MemoryError, or ends its process.

    RLIMIT_DATA counts private writable memory (Linux 4.7 and newer). RLIMIT_AS would also count what is only
    reserved, or mapped from files: the network's libraries reserve gigabytes that they never use.
    """
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
