"""Options that find studies by patient ID or accession number, and the search behind them."""

from datetime import datetime
from typing import Annotated

import typer

from admin.progress import progress
from config.settings import Settings
from db import study_history
from db.session import Engine
from db.tables import Study
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.patient_keys import PatientKeys
from worker.patient_search import PatientQuery, search

PatientOption = Annotated[
    str | None,
    typer.Option("--patient-id", help="Of this patient; read from the stored headers.", show_default=False),
]
AccessionOption = Annotated[
    str | None,
    typer.Option("--accession", help="Of this Accession Number; read from the stored headers.", show_default=False),
]


def found_by_patient(
    settings: Settings, engine: Engine, query: PatientQuery, since: datetime | None, until: datetime | None
) -> list[tuple[Study, PatientKeys]]:
    """Look through the headers of the studies received in a time, or of all. Raises StoreUnavailable."""
    studies = study_history.received_between(engine, since, until)
    store = InstanceStore(settings.service.data_dir)
    with progress("Reading headers", len(studies)) as on_progress:
        return list(search(engine, store, studies, query, on_progress))
