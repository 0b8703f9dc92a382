"""What a simulated PACS does wrong, and how often it still does."""

import threading
from dataclasses import dataclass

from pynetdicom.pdu import P_DATA_TF
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from domain.errors import ConfigurationInvalid

#: A day: longer, and nobody would call it a fault.
_LONGEST_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Faults:
    """What the PACS does wrong; by default nothing. Raises ConfigurationInvalid where it could not do so."""

    #: Reject every association.
    refuse_association: bool = False
    #: Answer every store with this status.
    refuse_status: int | None = None
    #: Send A-ABORT while the data set comes in.
    abort_in_transfer: bool = False
    #: Wait before answering.
    answer_delay_seconds: float = 0.0
    #: Answer success and forget the instance.
    answer_and_drop: bool = False
    #: Refuse connections for so long after `start`.
    away_seconds: float = 0.0
    #: Only the first so many stores (or associations, when those are refused) meet the fault; None: all.
    fault_count: int | None = None

    def __post_init__(self) -> None:
        for words, seconds in (("answer slowly", self.answer_delay_seconds), ("be away", self.away_seconds)):
            if not 0 <= seconds <= _LONGEST_SECONDS:
                raise ConfigurationInvalid(f"a PACS can {words} for 0 to {_LONGEST_SECONDS} seconds, not {seconds}")
        if self.refuse_status is not None and not _is_refusal(self.refuse_status):
            raise ConfigurationInvalid(f"0x{self.refuse_status:04X} is no failure or warning of C-STORE, e.g. A700")
        chosen = [words for words, is_set in self._endings().items() if is_set]
        if len(chosen) > 1:
            raise ConfigurationInvalid(f"a store has one end: choose one of {', '.join(chosen)}")
        if self.answer_delay_seconds > 0 and (self.refuse_association or self.abort_in_transfer):
            raise ConfigurationInvalid(f"a PACS does not answer slowly where it is to {chosen[0]}: it never answers")
        if self.fault_count is not None and not (self.fault_count > 0 and (chosen or self.answer_delay_seconds > 0)):
            raise ConfigurationInvalid("a count of faults must be above 0, and needs a fault that stores can meet")

    def _endings(self) -> dict[str, bool]:
        return {
            "refuse the association": self.refuse_association,
            "refuse with a status": self.refuse_status is not None,
            "abort": self.abort_in_transfer,
            "drop": self.answer_and_drop,
        }


def _is_refusal(status: int) -> bool:
    """Say whether C-STORE may be answered with it, PS3.4 Table B.2-1 and PS3.7 Annex C, and it is not success."""
    category, _ = STORAGE_SERVICE_CLASS_STATUS.get(status, ("", ""))
    return category in {"Failure", "Warning"}


NO_FAULTS = Faults()


class FaultLedger:
    """The faults in force, and how many stores or associations will still meet them. Thread-safe."""

    def __init__(self, faults: Faults) -> None:
        self._lock = threading.Lock()
        self.set(faults)

    def set(self, faults: Faults) -> None:
        """Change what goes wrong from here on."""
        with self._lock:
            self._faults = faults
            self._left = faults.fault_count

    @property
    def now(self) -> Faults:
        """The faults that are set, met or not."""
        with self._lock:
            return self._faults

    def take(self) -> Faults:
        """Give the faults that this store or association meets, and count it."""
        with self._lock:
            if self._left is None:
                return self._faults
            if self._left <= 0:
                return NO_FAULTS
            self._left -= 1
            return self._faults


def holds_data(pdu: object) -> bool:
    """Say whether a PDU carries a fragment of a data set (PS3.8 Annex E.2, bit 0 of the message control header)."""
    if not isinstance(pdu, P_DATA_TF):
        return False
    return any(not item.presentation_data_value[0] & 1 for item in pdu.presentation_data_value_items)
