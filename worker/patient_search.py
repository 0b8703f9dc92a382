"""Finds studies by what people know them by, in the headers of the stored instances."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from db import instances
from db.session import Engine
from db.tables import Study
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.patient_keys import PatientKeys, patient_keys


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """What is looked for; what is None does not restrict. Compared as it stands, letter by letter."""

    patient_id: str | None
    accession_number: str | None

    def matches(self, keys: PatientKeys) -> bool:
        """Say whether a study is meant."""
        wanted = ((self.patient_id, keys.patient_id), (self.accession_number, keys.accession_number))
        return all(value is None or value.strip() == found for value, found in wanted)


def keys_of(engine: Engine, store: InstanceStore, study: Study) -> PatientKeys | None:
    """Give the keys of a study from its first readable instance; None when there is none."""
    paths = (store.path_of(row.relative_path) for row in instances.newest_of_study(engine, study.id))
    return next((keys for path in paths if (keys := patient_keys(path)) is not None), None)


def search(
    engine: Engine,
    store: InstanceStore,
    studies: Sequence[Study],
    query: PatientQuery,
    on_progress: Callable[[int], None],
) -> Iterator[tuple[Study, PatientKeys]]:
    """Give those of the studies that are meant. Raises StoreUnavailable."""
    for number, study in enumerate(studies, start=1):
        keys = keys_of(engine, store, study)
        if keys is not None and query.matches(keys):
            yield study, keys
        on_progress(number)
