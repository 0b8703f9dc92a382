"""What the simulated PACS tells of what it holds: by storage commitment, by C-FIND, by both or by neither."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.presentation import build_context

from dicom_gateway.association_scu import Destination
from dicom_gateway.offered_service import OfferedService
from dicom_gateway.pacs_commitment import CommitmentManners, CommitmentMode, PacsCommitment
from dicom_gateway.pacs_query import PacsQuery
from dicom_gateway.verification_find import STUDY_ROOT_FIND

_NO_COMMITMENT = CommitmentManners(mode=CommitmentMode.OFF)


class PacsConfirming:
    """Both services, for one PACS."""

    def __init__(self, manners: CommitmentManners = _NO_COMMITMENT, *, answers_queries: bool = False) -> None:
        """By default neither is offered."""
        self._instances: Callable[[], Mapping[str, Dataset]] = dict
        self.commitment = PacsCommitment(self._uids, manners) if manners.mode is not CommitmentMode.OFF else None
        self._query = PacsQuery(self._held) if answers_queries else None

    def attach(self, instances: Callable[[], Mapping[str, Dataset]]) -> None:
        """Tell where it looks for what the PACS holds, by SOP Instance UID."""
        self._instances = instances

    def answer_to(self, destination: Destination) -> None:
        """Answer requests for commitment on a new association to there, from now on."""
        if self.commitment is not None:
            self.commitment.manners = replace(self.commitment.manners, answer_to=destination)

    def services(self) -> list[OfferedService]:
        """Give what is offered beside storage."""
        services = [self.commitment.service()] if self.commitment else []
        if self._query:
            find = build_context(STUDY_ROOT_FIND, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
            services.append(OfferedService([find], [(evt.EVT_C_FIND, self._query.find)]))
        return services

    def _held(self) -> Sequence[Dataset]:
        return tuple(self._instances().values())

    def _uids(self) -> Collection[str]:
        return self._instances().keys()
