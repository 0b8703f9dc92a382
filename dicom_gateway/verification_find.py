"""Asking a PACS whether it has an instance: Study Root C-FIND at the level of the image, PS3.4 Annex C."""

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from dicom_gateway.association_scu import Destination
from dicom_gateway.status import Status, StatusFamily, classify, status_words
from domain.errors import PeerBusy, PeerUnavailable, QuestionRefused

STUDY_ROOT_FIND = str(StudyRootQueryRetrieveInformationModelFind)
#: PS3.4 Table C.4-1: matches follow; with a remark on keys that are not supported.
_PENDING = (0xFF00, 0xFF01)


def has_instance(
    destination: Destination, assoc: Association, study_uid: str, series_uid: str, sop_instance_uid: str
) -> bool:
    """Say whether the peer finds this instance. No patient's name is asked for.

    Raises PeerUnavailable without an answer, PeerBusy and QuestionRefused on a failure status.
    """
    found = False
    try:
        for answer, identifier in assoc.send_c_find(
            _identifier(study_uid, series_uid, sop_instance_uid), STUDY_ROOT_FIND
        ):
            if "Status" not in answer:
                raise PeerUnavailable(f"{destination.name}: association lost, or no answer to C-FIND in time")
            status = int(answer.Status)
            if status in _PENDING:
                # A peer that ignores the key would answer with other instances.
                found = found or _is_about(identifier, sop_instance_uid)
            elif status != Status.SUCCESS:
                raise _failure(status)
    except RuntimeError as error:
        raise PeerUnavailable(f"{destination.name}: association lost") from error
    return found


def _identifier(study_uid: str, series_uid: str, sop_instance_uid: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = study_uid
    identifier.SeriesInstanceUID = series_uid
    identifier.SOPInstanceUID = sop_instance_uid
    return identifier


def _is_about(identifier: Dataset | None, sop_instance_uid: str) -> bool:
    return identifier is not None and str(identifier.get("SOPInstanceUID", "")) == sop_instance_uid


def _failure(status: int) -> PeerBusy | QuestionRefused:
    words = f"to C-FIND: {status_words(status)}"
    return PeerBusy(status, words) if classify(status) is StatusFamily.TRANSIENT else QuestionRefused(status, words)
