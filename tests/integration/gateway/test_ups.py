"""Our UPS SCU against a foreign SCP, and our UPS SCP against a foreign SCU: pynetdicom's own, on real sockets."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

from dicom_gateway.association_policy import AssociationPolicy
from dicom_gateway.instance_store import InstanceStore
from dicom_gateway.simulated_pacs import SimulatedPacs
from dicom_gateway.simulated_workitems import SimulatedWorkitems
from dicom_gateway.storage_scp import ScpConfig, StorageScp
from dicom_gateway.ups_attributes import attributes_of
from dicom_gateway.ups_push import push_workitem
from dicom_gateway.ups_scp import UPS_SOP_CLASSES, UpsScp
from dicom_gateway.ups_workitem import UPS_PULL, UPS_PUSH, UPS_QUERY, build_workitem
from domain.errors import PeerBusy, PeerUnavailable, ReportRefused
from domain.workitem import Lock, StoredWorkitem, WorkitemState
from tests.unit.report.builders import AWFUL, received
from tests.unit.worklist.test_ups_workitem import content

KEY = "1.2.840.1"


@pytest.fixture
def workitems() -> SimulatedWorkitems:
    """The worklist of the PACS."""
    return SimulatedWorkitems()


@pytest.fixture
def pacs(workitems: SimulatedWorkitems) -> Iterator[SimulatedPacs]:
    """A simulated PACS that is a UPS SCP."""
    with SimulatedPacs(workitems=workitems) as running:
        yield running


@pytest.fixture
def performer(pacs: SimulatedPacs) -> Iterator[Association]:
    """An association of a foreign UPS SCU."""
    ae = ApplicationEntity("READER")
    for uid in UPS_SOP_CLASSES:
        ae.add_requested_context(uid)
    assoc = ae.associate(*pacs.address)
    assert assoc.is_established
    yield assoc
    assoc.release()


def dataset(**values: Any) -> Dataset:
    """A data set with these elements."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def change(performer: Association, state: str, key: str = KEY, uid: str = "1.2.3") -> int:
    """Ask for a state; gives the status."""
    information = dataset(ProcedureStepState=state, TransactionUID=key)
    status, _ = performer.send_n_action(information, 1, UPS_PUSH, uid, meta_uid=UPS_PULL)
    return int(status.Status)


def found(performer: Association, **keys: Any) -> list[Dataset]:
    """Query; gives the matches."""
    answers = list(performer.send_c_find(dataset(SOPInstanceUID="", **keys), UPS_QUERY))
    assert int(answers[-1][0].Status) == 0
    return [identifier for status, identifier in answers if int(status.Status) == 0xFF00 and identifier]


PERFORMED = dataset(
    PerformedStationNameCodeSequence=[dataset(CodeValue="R1", CodingSchemeDesignator="99X", CodeMeaning="Room")],
    PerformedProcedureStepStartDateTime="20261122081000",
    PerformedProcedureStepEndDateTime="20261122081500",
    PerformedWorkitemCodeSequence=[
        dataset(CodeValue="110005", CodingSchemeDesignator="DCM", CodeMeaning="Interpretation")
    ],
    OutputInformationSequence=[],
)


def test_a_workitem_arrives_as_it_was_built_and_a_second_time_changes_nothing(
    pacs: SimulatedPacs, workitems: SimulatedWorkitems
) -> None:
    """0000, then 0111, which counts as there; the first one is kept."""
    named = content(received(SpecificCharacterSet=b"ISO_IR 100", PatientName="Müller^Jörg".encode("latin-1")))
    assert push_workitem(pacs.as_destination(), named) == 0x0000
    assert push_workitem(pacs.as_destination(), named) == 0x0111
    (kept,) = workitems.workitems
    for element in build_workitem(named):
        if element.keyword != "TransactionUID":
            assert kept[element.tag].value == element.value, element.keyword
    assert [attempt.is_new for attempt in workitems.attempts] == [True, False]


def test_the_worst_header_makes_a_workitem_that_arrives(pacs: SimulatedPacs, workitems: SimulatedWorkitems) -> None:
    """Every fault of real modalities at once, normalised before it is sent."""
    assert push_workitem(pacs.as_destination(), content(received(AWFUL))) == 0
    (kept,) = workitems.workitems
    assert (kept.PatientName, kept.PatientBirthDate, kept.PatientSex) == ("SINGLE NAME", "19700102", "F")


def test_what_it_replaces_is_cancelled_unless_somebody_reads_it(
    pacs: SimulatedPacs, workitems: SimulatedWorkitems, performer: Association
) -> None:
    """SCHEDULED becomes CANCELED; IN PROGRESS stays; what was never there is no error."""
    for uid in ("1.2.3", "1.2.4"):
        push_workitem(pacs.as_destination(), replace(content(), sop_instance_uid=uid))
    assert change(performer, "IN PROGRESS", uid="1.2.4") == 0
    newer = replace(content(), sop_instance_uid="1.2.5", replaces="1.2.3")
    assert push_workitem(pacs.as_destination(), newer, ["1.2.3", "1.2.4", "9.9.9"]) == 0
    states = {workitem.SOPInstanceUID: workitem.ProcedureStepState for workitem in workitems.workitems}
    assert states == {"1.2.3": "CANCELED", "1.2.4": "IN PROGRESS", "1.2.5": "SCHEDULED"}


@pytest.mark.parametrize(
    ("status", "error"), [(0x0110, PeerBusy), (0x0213, PeerBusy), (0x0124, ReportRefused), (0x0120, ReportRefused)]
)
def test_a_failure_is_busy_or_refused(status: int, error: type[Exception]) -> None:
    """What may pass is told from what will not."""
    ae = ApplicationEntity("FOREIGN")
    ae.add_supported_context(UPS_PUSH)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_CREATE, lambda _: (status, None))])
    try:
        peer = replace(SimulatedPacs(port=1).as_destination(), port=server.server_address[1])
        with pytest.raises(error):
            push_workitem(peer, content())
    finally:
        server.shutdown()


def test_a_pacs_without_ups_refuses_and_one_that_is_away_is_tried_again() -> None:
    """0122 for good; no connection for now."""
    with SimulatedPacs() as without:
        peer = without.as_destination()
        with pytest.raises(ReportRefused, match="UPS Push not accepted"):
            push_workitem(peer, content())
    with pytest.raises(PeerUnavailable):
        push_workitem(peer, content())


def test_a_performer_finds_claims_reports_and_completes(pacs: SimulatedPacs, performer: Association) -> None:
    """The whole life: query, claim, progress, performed, completed; then nothing may be changed."""
    push_workitem(pacs.as_destination(), content())
    (match,) = found(
        performer, ProcedureStepState="SCHEDULED", ScheduledProcedureStepPriority="HIGH", PatientName="Doe*"
    )
    assert (match.SOPInstanceUID, match.PatientName) == ("1.2.3", "Doe^Jane")
    assert change(performer, "IN PROGRESS") == 0
    assert found(performer, ProcedureStepState="SCHEDULED") == []
    assert change(performer, "IN PROGRESS", "9.9") == 0xC302
    assert change(performer, "COMPLETED", "9.9") == 0xC301
    assert change(performer, "COMPLETED") == 0xC304
    update = dataset(TransactionUID=KEY, UnifiedProcedureStepPerformedProcedureSequence=[PERFORMED])
    status, _ = performer.send_n_set(update, UPS_PUSH, "1.2.3", meta_uid=UPS_PULL)
    assert status.Status == 0
    assert change(performer, "COMPLETED") == 0
    assert change(performer, "COMPLETED") == 0xB306
    assert change(performer, "CANCELED") == 0xC300
    status, _ = performer.send_n_set(update, UPS_PUSH, "1.2.3", meta_uid=UPS_PULL)
    assert status.Status == 0xC300


def test_n_get_gives_what_is_asked_for_and_never_the_transaction_uid(
    pacs: SimulatedPacs, performer: Association
) -> None:
    """The lock is known to who claimed it alone."""
    push_workitem(pacs.as_destination(), content())
    change(performer, "IN PROGRESS")
    status, everything = performer.send_n_get([], UPS_PUSH, "1.2.3", meta_uid=UPS_PULL)
    assert (status.Status, everything.ProcedureStepState) == (0, "IN PROGRESS")
    assert "TransactionUID" not in everything
    status, some = performer.send_n_get([0x00741200, 0x00081195], UPS_PUSH, "1.2.3", meta_uid=UPS_PULL)
    assert [element.keyword for element in some] == ["ScheduledProcedureStepPriority"]
    status, _ = performer.send_n_get([], UPS_PUSH, "9.9", meta_uid=UPS_PULL)
    assert status.Status == 0xC307


def test_a_claim_is_given_up_with_a_reason_only(pacs: SimulatedPacs, performer: Association) -> None:
    """CANCELED needs its discontinuation reason; the time is filled in."""
    push_workitem(pacs.as_destination(), content())
    change(performer, "IN PROGRESS")
    assert change(performer, "CANCELED") == 0xC304
    reason = dataset(CodeValue="110526", CodingSchemeDesignator="DCM", CodeMeaning="Resource pre-empted")
    progress = dataset(ProcedureStepDiscontinuationReasonCodeSequence=[reason])
    update = dataset(TransactionUID=KEY, ProcedureStepProgressInformationSequence=[progress])
    assert performer.send_n_set(update, UPS_PUSH, "1.2.3", meta_uid=UPS_PULL)[0].Status == 0
    assert change(performer, "CANCELED") == 0
    (canceled,) = found(performer, ProcedureStepState="CANCELED", ProcedureStepProgressInformationSequence=[])
    assert canceled.ProcedureStepProgressInformationSequence[0].ProcedureStepCancellationDateTime


def test_n_set_changes_what_was_performed_and_nothing_else(pacs: SimulatedPacs, performer: Association) -> None:
    """0001 for an attribute that may not be set here, and the priority stays."""
    push_workitem(pacs.as_destination(), content())
    change(performer, "IN PROGRESS")
    update = dataset(TransactionUID=KEY, ScheduledProcedureStepPriority="LOW")
    assert performer.send_n_set(update, UPS_PUSH, "1.2.3", meta_uid=UPS_PULL)[0].Status == 0x0001
    (match,) = found(performer, ScheduledProcedureStepPriority="")
    assert match.ScheduledProcedureStepPriority == "HIGH"


def test_what_is_not_offered_is_refused_with_its_status(pacs: SimulatedPacs, performer: Association) -> None:
    """Subscriptions C315, unknown actions 0123, unknown workitems C307, an unscheduled creation C309."""
    push_workitem(pacs.as_destination(), content())
    information = dataset(ReceivingAE="READER", DeletionLock="FALSE")
    assert performer.send_n_action(information, 3, UPS_PUSH, "1.2.3", meta_uid=UPS_PULL)[0].Status == 0xC315
    assert performer.send_n_action(information, 9, UPS_PUSH, "1.2.3", meta_uid=UPS_PULL)[0].Status == 0x0123
    assert change(performer, "IN PROGRESS", uid="9.9") == 0xC307
    begun = build_workitem(content())
    begun.ProcedureStepState = "IN PROGRESS"
    assert performer.send_n_create(begun, UPS_PUSH, "1.2.9")[0].Status == 0xC309
    del begun.ProcedureStepLabel
    assert performer.send_n_create(begun, UPS_PUSH, "1.2.9")[0].Status == 0x0120


class _Endless(SimulatedWorkitems):
    """A list without an end."""

    def listed(self, states: Collection[WorkitemState] | None) -> Iterator[StoredWorkitem]:  # type: ignore[override]
        """Give the same one for ever."""
        while True:
            yield StoredWorkitem("1.2.3", Lock(WorkitemState.SCHEDULED, ""), attributes_of(content()))


@pytest.mark.parametrize("on_our_listener", [False, True])
def test_a_query_is_ended_by_its_cancel(tmp_path: Path, on_our_listener: bool) -> None:
    """FE00, and the association goes on; a list without an end ends in no other way."""
    scp = UpsScp(_Endless())
    if on_our_listener:
        config = ScpConfig("127.0.0.1", 0, "CXR", AssociationPolicy(5), (ExplicitVRLittleEndian,), 1 << 20, 5.0, 20.0)
        listener = StorageScp(config, InstanceStore(tmp_path), lambda _: None, services=[scp.service()])
    else:
        listener = SimulatedPacs(workitems=_Endless())  # type: ignore[assignment]
    ae = ApplicationEntity("READER")
    ae.add_requested_context(UPS_QUERY)
    with listener:
        assoc = ae.associate(*listener.address)
        answers = assoc.send_c_find(dataset(SOPInstanceUID=""), UPS_QUERY, msg_id=7)
        next(answers)
        assoc.send_c_cancel(7, query_model=UPS_QUERY)
        *_, (status, _) = answers
        assert status.Status == 0xFE00
        assert assoc.is_established
        assoc.release()
