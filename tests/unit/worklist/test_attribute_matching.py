from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicom_gateway.attribute_matching import matches, requested


def attributes(**values: Any) -> Dataset:
    """A data set with these elements."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


WORKITEM = attributes(
    PatientName="Müller^Jörg=山田^太郎",
    PatientID="A*7?x",
    PatientBirthDate="19700102",
    StudyTime="101112.5",
    ProcedureStepState="SCHEDULED",
    StudyInstanceUID="1.2.3",
    ScheduledProcedureStepStartDateTime="20261122080000+0000",
    ScheduledWorkitemCodeSequence=[attributes(CodeValue="110005", CodingSchemeDesignator="DCM")],
)


@pytest.mark.parametrize(
    ("keyword", "key", "found"),
    [
        ("PatientID", "", True),
        ("PatientID", "A*7?x", True),
        ("PatientID", "a*", False),
        ("PatientID", "A*", True),
        ("PatientID", "A?7?x", True),
        ("PatientID", "A??x", False),
        ("PatientID", "A.7.x", False),
        ("PatientName", "müller*", True),
        ("PatientName", "MÜLLER^JÖRG", True),
        ("PatientName", "山田*", True),
        ("PatientName", "Müller", False),
        ("StudyInstanceUID", "1.2.3", True),
        ("StudyInstanceUID", ["9.9", "1.2.3"], True),
        ("StudyInstanceUID", "1.2.*", False),
        ("PatientBirthDate", "19700102", True),
        ("PatientBirthDate", "19700101-19700102", True),
        ("PatientBirthDate", "-19700102", True),
        ("PatientBirthDate", "19700103-", False),
        ("StudyTime", "10-11", True),
        ("StudyTime", "1012-", False),
        ("StudyTime", "-10", True),
        ("ScheduledProcedureStepStartDateTime", "20261122080000+0000", True),
        ("ScheduledProcedureStepStartDateTime", "20261122100000+0200", True),
        ("ScheduledProcedureStepStartDateTime", "20261122030000-0500", True),
        ("ScheduledProcedureStepStartDateTime", "20261122", True),
        ("ScheduledProcedureStepStartDateTime", "2026", True),
        ("ScheduledProcedureStepStartDateTime", "202611-202612", True),
        ("ScheduledProcedureStepStartDateTime", "20261122080001-", False),
        ("ScheduledProcedureStepStartDateTime", "-20261122080000", True),
        ("ScheduledProcedureStepStartDateTime", "-20261121", False),
        ("ScheduledProcedureStepStartDateTime", "20261122030000-0500-20261122040000-0500", True),
        ("ScheduledProcedureStepStartDateTime", "20261122040000-0500-", False),
        ("ScheduledProcedureStepStartDateTime", "20269922", False),
        ("AccessionNumber", "A1", False),
        ("AccessionNumber", "", True),
        ("ScheduledWorkitemCodeSequence", [], True),
        ("ScheduledWorkitemCodeSequence", [attributes(CodeValue="110005")], True),
        ("ScheduledWorkitemCodeSequence", [attributes(CodeValue="110005", CodingSchemeDesignator="")], True),
        ("ScheduledWorkitemCodeSequence", [attributes(CodeValue="110004")], False),
        ("ReferencedRequestSequence", [attributes(AccessionNumber="")], True),
        ("ReferencedRequestSequence", [attributes(AccessionNumber="A1")], False),
    ],
)
def test_each_kind_of_matching(keyword: str, key: Any, found: bool) -> None:
    """PS3.4 C.2.2.2.1 to C.2.2.2.6, one key at a time."""
    assert matches(attributes(**{keyword: key}), WORKITEM) is found


def test_every_key_must_match() -> None:
    """Keys are joined by and."""
    assert not matches(attributes(PatientID="A*", ProcedureStepState="COMPLETED"), WORKITEM)


def test_the_answer_has_what_was_asked_for_and_no_more() -> None:
    """What the workitem lacks comes back empty; items of a sequence are cut to the keys of the item."""
    keys = attributes(
        PatientID="", AccessionNumber="", ScheduledWorkitemCodeSequence=[attributes(CodeValue="")], PatientName="*"
    )
    answer = requested(keys, WORKITEM)
    assert [element.keyword for element in answer] == [
        "AccessionNumber",
        "PatientName",
        "PatientID",
        "ScheduledWorkitemCodeSequence",
    ]
    assert answer.AccessionNumber in ("", None)
    assert [element.keyword for element in answer.ScheduledWorkitemCodeSequence[0]] == ["CodeValue"]


@settings(deadline=None)
@given(st.text(alphabet="0123456789+-.", max_size=40))
def test_no_date_and_time_key_raises(key: str) -> None:
    """What is no range and no moment matches nothing."""
    assert matches(attributes(ScheduledProcedureStepStartDateTime=key), WORKITEM) in (True, False)


@settings(deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_a_value_always_matches_itself_and_its_prefix_with_a_star(value: str, rest: str) -> None:
    """Whatever the characters: those that mean something to regular expressions mean nothing here."""
    ds = Dataset()
    ds.add_new("PatientComments", "LT", value + rest)
    keys = Dataset()
    keys.add_new("PatientComments", "LT", f"{value}*")
    assert matches(keys, ds) or not (value + rest).strip(" \0") or (value + rest) != (value + rest).strip(" \0")
