"""`cxr-triage studies find`: which study is this."""

from typing import Any

from admin.database import open_database
from admin.options import ConfigOption, DataDirOption, JsonOption, SinceOption, UntilOption, moment, settings_from
from admin.output import print_json, print_table
from admin.study_search import AccessionOption, PatientOption, found_by_patient
from domain.errors import Rejected
from worker.patient_search import PatientQuery

_PATIENT_COLUMNS = ("patient_id", "patient_name", "accession_number", "study_date")
_COLUMNS = ("study_instance_uid", "status", "received_at", *_PATIENT_COLUMNS)


def find(
    patient_id: PatientOption = None,
    accession: AccessionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Find studies by patient ID or accession number; --since and --until make it faster. Prints patient data."""
    if patient_id is None and accession is None:
        raise Rejected("say which: --patient-id or --accession")
    engine = open_database(config, data_dir)
    query = PatientQuery(patient_id, accession)
    found = found_by_patient(settings_from(config, data_dir), engine, query, moment(since), moment(until))
    rows: list[dict[str, Any]] = [
        {
            "study_instance_uid": study.study_instance_uid,
            "status": study.status.value,
            "received_at": study.last_received_at,
            **{column: getattr(keys, column) for column in _PATIENT_COLUMNS},
        }
        for study, keys in found
    ]
    if json_output:
        print_json(rows)
        return
    print_table(_COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))
