"""C-FIND on the simulated PACS: Study Root, over what it holds at the moment; PS3.4 Annex C."""

from collections.abc import Callable, Iterator, Sequence

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pynetdicom import evt

from dicom_gateway.instance_identity import MALFORMED
from dicom_gateway.status import Status

#: PS3.4 Table C.6.1-1 and its siblings: what makes an entity of each level one.
_KEY_OF_LEVEL = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
_PENDING = 0xFF00


class PacsQuery:
    """Answers with what matches each key that has a value: exactly, or as one of a list of UIDs (PS3.4 C.2.2.2)."""

    def __init__(self, held: Callable[[], Sequence[Dataset]]) -> None:
        self._held = held

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        """Serve EVT_C_FIND."""
        try:
            identifier = event.identifier
            key = _KEY_OF_LEVEL[str(identifier.QueryRetrieveLevel)]
        except MALFORMED:
            yield int(Status.DATA_SET_DOES_NOT_MATCH), None
            return
        found = {str(ds.get(key)): ds for ds in self._held() if _matches(ds, identifier)}
        for dataset in found.values():
            if event.is_cancelled:
                yield 0xFE00, None
                return
            yield _PENDING, _response(dataset, identifier)


def _matches(dataset: Dataset, identifier: Dataset) -> bool:
    keys = [element for element in identifier if element.keyword != "QueryRetrieveLevel" and not element.is_empty]
    return all(str(dataset.get(element.keyword, "")) in _values(element.value) for element in keys)


def _values(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, MultiValue) else [str(value)]


def _response(dataset: Dataset, identifier: Dataset) -> Dataset:
    response = Dataset()
    response.QueryRetrieveLevel = identifier.QueryRetrieveLevel
    for element in identifier:
        if element.keyword in dataset and element.keyword != "QueryRetrieveLevel":
            response[element.keyword] = dataset[element.keyword]
    return response
