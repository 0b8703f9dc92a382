"""The application against its own OpenAPI document: requests made up by schemathesis, the same each time."""

from pathlib import Path

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy import Engine

from dicom_gateway.instance_store import InstanceStore
from domain.reading import Role
from domain.study import DeliveryState
from tests.integration.worklist.conftest import Program
from tests.integration.worklist.test_api import a_report, add_delivery, keep_report
from tests.integration.worklist.test_api_access import OPERATIONS
from tests.integration.worklist.test_pages import add_result, add_study, row
from worklist.rate_limit import RequestLimit, SignInLimit

#: Requests that are right, and requests that are not, for each operation.
_EXAMPLES = 8
#: A busy machine is no fault.
_PATIENCE_SECONDS = 120.0
#: What was stored first has this id, so that more is reached than "not found".
_FIRST = 1
#: Have rules that no schema tells: what is valid by it may be refused.
_MORE_RULES = ("/api/v1/failures/retry", "/workitems")


@pytest.fixture
def migrated_url(migrated_postgresql_url: str) -> str:
    """PostgreSQL alone: of the two, it refuses more of what a request may hold (NUL, numbers beyond 32 bits)."""
    return migrated_postgresql_url


@pytest.fixture
def known_ids(engine: Engine, store: InstanceStore, tmp_path: Path) -> dict[str, object]:
    """Ids of a study that has everything, for the paths."""
    uid = add_study(engine, store, tmp_path)
    result_id = add_result(engine, uid)
    keep_report(engine, result_id, a_report())
    add_delivery(engine, result_id, "pacs", DeliveryState.FAILED)
    ids = dict.fromkeys(("report_id", "instance_id", "result_id", "delivery_id"), _FIRST)
    return {"token": row(engine, uid).entry.token, "sop_instance_uid": "2.25.1", **ids}


def _check(operation: APIOperation, mode: GenerationMode, headers: dict[str, str], ids: dict[str, object]) -> None:
    excluded = [positive_data_acceptance] if operation.path.startswith(_MORE_RULES) else []

    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def keeps_its_contract(case: Case) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: ids[name] for name in case.path_parameters or {}}
            case.query = {name: value for name, value in (case.query or {}).items() if name != "cursor"}
            if isinstance(case.body, dict):  # no schema tells which cursors there are
                case.body.pop("cursor", None)
        case.call_and_validate(headers=headers, excluded_checks=excluded, timeout=_PATIENCE_SECONDS)

    keeps_its_contract()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_one_of_the_document(
    app: FastAPI, program: Program, known_ids: dict[str, object], mode: GenerationMode
) -> None:
    """Status, content type and body are as documented; nothing is an error of ours; what is not valid is refused."""
    app.state.request_limit = RequestLimit(100_000)
    # Requests without a good token are made too, and would shut the address.
    app.state.sign_in_limit = SignInLimit(100_000)
    headers = {"Authorization": program("chief", Role.ADMIN).headers["Authorization"]}
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=headers)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == len(OPERATIONS)
    for operation in operations:
        try:
            _check(operation, mode, headers, known_ids)
        except Exception as error:
            error.add_note(f"{operation.method.upper()} {operation.path}")
            raise
