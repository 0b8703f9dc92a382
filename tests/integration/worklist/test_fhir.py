"""A study as FHIR resources, checked by fhir.resources, coded as the Structured Report is."""

from dataclasses import replace
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.task import Task
from sqlalchemy import Engine

from config.settings import Settings
from db import worklist
from dicom_gateway import codes
from dicom_gateway.instance_store import InstanceStore
from domain.finding import Assessment, Refusal, RefusalCode
from domain.priority import ReadingPriority
from tests.integration.worklist.conftest import Program
from tests.integration.worklist.test_api import keep_report
from tests.integration.worklist.test_pages import HOSTILE, add_result, add_study, row


@pytest.fixture
def uid(engine: Engine, store: InstanceStore, tmp_path: Path) -> str:
    """A study that has arrived."""
    return add_study(engine, store, tmp_path)


def report(program: Program, engine: Engine, uid: str) -> DiagnosticReport:
    """Read the report of a study as a client would."""
    answer = program().get(f"/fhir/DiagnosticReport/{row(engine, uid).entry.token}")
    assert answer.headers["content-type"] == "application/fhir+json"
    return DiagnosticReport.model_validate_json(answer.content)


def test_a_suspicion_is_a_preliminary_report_with_the_codes_of_the_sr(
    program: Program, engine: Engine, uid: str
) -> None:
    """Certainty and threshold in percent; the report's own UID; nobody is named as having read it."""
    keep_report(engine, add_result(engine, uid))
    shown = report(program, engine, uid)
    assert shown.status == "preliminary"
    (finding, device) = shown.contained
    assert (finding.code.coding[0].code, finding.code.coding[0].system) == ("233604007", "http://snomed.info/sct")
    assert finding.valueCodeableConcept.coding[0].code == codes.PRESENCE[Assessment.SUSPECTED].value
    assert [float(one.valueQuantity.value) for one in finding.component] == [90.0, 50.0]
    assert device.version[0].value == "m1"
    assert shown.identifier[0].value == "urn:oid:2.25.1"
    assert shown.presentedForm[0].url.startswith("/api/v1/studies/")
    assert shown.imagingStudy[0].identifier.value == f"urn:oid:{uid}"
    assert shown.subject.identifier.value == "ID1"
    assert "not for diagnosis" in shown.conclusion
    assert shown.performer is None
    assert shown.resultsInterpreter is None


def test_a_study_that_was_read_has_a_report_that_is_no_less_preliminary(
    program: Program, engine: Engine, uid: str
) -> None:
    """The reader's word is in the task, by the state of the worklist, and nowhere in the report."""
    add_result(engine, uid)
    token = row(engine, uid).entry.token
    client = program()
    before = Task.model_validate_json(client.get(f"/fhir/Task/{token}").content)
    assert (before.status, before.priority, before.owner) == ("requested", "urgent", None)
    client.post(f"/api/v1/studies/{token}/finish")
    after = Task.model_validate_json(client.get(f"/fhir/Task/{token}").content)
    assert (after.status, after.owner.display) == ("completed", "anna")
    assert report(program, engine, uid).status == "preliminary"


def test_before_there_is_a_result_and_where_there_is_none_nothing_is_said(
    program: Program, engine: Engine, uid: str
) -> None:
    """Registered, without a finding; refused, "undetermined" with the reason: never silently negative."""
    shown = report(program, engine, uid)
    assert (shown.status, shown.contained, shown.result) == ("registered", None, None)
    refusal = Refusal(RefusalCode.NOT_FRONTAL, "view position LL")
    changes = {"refusal": refusal, "probability": None, "operating_point": None, "heat_map": None}
    add_result(engine, uid, assessment=Assessment.UNDETERMINED, reading_priority=ReadingPriority.ROUTINE, **changes)
    shown = report(program, engine, uid)
    assert shown.conclusion.startswith("Not analysed: not a frontal projection.")
    assert shown.contained[0].valueCodeableConcept.coding[0].display == "Undetermined"
    assert shown.contained[0].component is None


def test_a_search_by_study_uid_gives_a_bundle(program: Program, engine: Engine, uid: str) -> None:
    """One, or none; and the look is on record."""
    client = program()
    for kind in ("DiagnosticReport", "Task"):
        answer = client.get(f"/fhir/{kind}", params={"identifier": f"urn:dicom:uid|urn:oid:{uid}"})
        bundle = Bundle.model_validate_json(answer.content)
        assert (bundle.type, bundle.total) == ("searchset", 1)
        assert bundle.entry[0].resource.get_resource_type() == kind
        none = Bundle.model_validate_json(client.get(f"/fhir/{kind}", params={"identifier": "urn:oid:9.9"}).content)
        assert none.total == 0
        assert client.get(f"/fhir/{kind}", params={"identifier": "Doe"}).status_code == 422
    assert [event.detail["part"] for event, about in worklist.audit(engine, None) if about == uid] == ["FHIR", "FHIR"]
    statement = CapabilityStatement.model_validate_json(client.get("/fhir/metadata").content)
    assert statement.fhirVersion == "4.0.1"


def test_whatever_stands_in_a_header_makes_a_valid_resource(
    program: Program, engine: Engine, store: InstanceStore, tmp_path: Path
) -> None:
    """Markup is text; a study without a name, or with an odd date, is still there."""
    uid = add_study(engine, store, tmp_path, 2, HOSTILE)
    assert "<script>" in report(program, engine, uid).subject.display
    nameless = add_study(engine, store, tmp_path, 3, "")
    assert report(program, engine, nameless).subject.display is None


def test_the_finding_is_coded_in_the_scheme_of_the_site(
    program: Program, engine: Engine, uid: str, service: Settings, app: object
) -> None:
    """As in the Structured Report."""
    add_result(engine, uid)
    model = service.model.model_copy(update={"finding_scheme": "RADLEX"})
    settings = service.model_copy(update={"model": model})
    app.state.desk = replace(app.state.desk, settings=settings)  # type: ignore[attr-defined]
    assert report(program, engine, uid).contained[0].code.coding[0].code == "RID5350"
