"""Words of the people's side of the reading worklist: where a study stands with its readers, and who they are."""

from enum import StrEnum


class ReadingState(StrEnum):
    """Where a study stands with its readers; independent of what the service does with it."""

    #: Open: nobody has taken it.
    WAITING = "WAITING"
    #: Taken by one reader: nobody else can.
    READING = "READING"
    #: Read by a radiologist. Late images, or a raised priority, open it again.
    READ = "READ"


class Role(StrEnum):
    """What an account may do."""

    #: Looks at studies, takes and finishes them, gives feedback.
    READER = "reader"
    #: The same, and gives back what others hold.
    ADMIN = "admin"


class Verdict(StrEnum):
    """What a reader says of a result."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNSURE = "unsure"


class Outcome(StrEnum):
    """What became of the wish to take, finish or give back a study."""

    DONE = "done"
    #: Somebody else holds it.
    HELD = "held"
    #: It is not in a state from which this can be done.
    NOT_POSSIBLE = "not possible"
    UNKNOWN = "unknown"
