"""Our own reading worklist, asked by a foreign UPS SCU through the real listener."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.sop_class import DigitalXRayImageStorageForPresentation

from config.settings import Settings
from db import deliveries, reprocessing, schema
from db.reprocessing import Request
from dicom_gateway.storage_scp import StorageScp
from dicom_gateway.ups_scp import UPS_SOP_CLASSES
from dicom_gateway.ups_workitem import UPS_PULL, UPS_PUSH, UPS_QUERY
from domain.study import DeliveryState, StudyStatus
from tests.acceptance.xrays import PATIENT_ID
from tests.integration.gateway.test_ups import PERFORMED, change, dataset, found
from tests.integration.worker.stored import store_study, study_of
from worker.bootstrap import scp_config
from worker.bootstrap_work import WorkCollaborators

KEY = "1.2.840.1"
_ANSWER_SECONDS = 10.0


@pytest.fixture
def collaborators(settings: Settings) -> Iterator[WorkCollaborators]:
    """A service that offers its reading worklist to READER."""
    worklist = {"ups_scp": True, "ups_ae_titles": ["READER"]}
    listener = {**settings.listener.model_dump(), "host": "127.0.0.1", "port": 0}
    changes: dict[str, Any] = {"reading_worklist": worklist, "listener": listener}
    made = WorkCollaborators(Settings.model_validate({**settings.model_dump(), **changes}))
    schema.upgrade(made.engine)
    yield made
    made.engine.dispose()


@contextmanager
def listening(collaborators: WorkCollaborators) -> Iterator[tuple[str, int]]:
    """The listener of the service, as the listener's process starts it."""
    with StorageScp(
        scp_config(collaborators.settings),
        collaborators.store,
        collaborators.intake.on_instance,
        services=collaborators.offered_services,
    ) as scp:
        yield scp.address


@contextmanager
def reader(address: tuple[str, int], title: str = "READER", handlers: Any = ()) -> Iterator[Association]:
    """An association of a foreign UPS SCU."""
    ae = ApplicationEntity(title)
    ae.dimse_timeout = _ANSWER_SECONDS  # for that long pynetdicom waits for an answer on an association that is gone
    for uid in (*UPS_SOP_CLASSES, DigitalXRayImageStorageForPresentation):
        ae.add_requested_context(uid)
    assoc = ae.associate(*address, ae_title="CXR_TRIAGE", evt_handlers=list(handlers))
    assert assoc.is_established
    yield assoc
    assoc.release()


def analysed(collaborators: WorkCollaborators, folder: Path, number: int, truth: str, view: str = "AP") -> str:
    """Store, analyse and deliver a study; gives its UID."""
    folder = folder / str(number)
    folder.mkdir()
    study = store_study(collaborators, folder, study=number, truth=truth, view=view)
    collaborators.analysis.run(study.id, "t")
    deliver(collaborators)
    return study.study_instance_uid


def deliver(collaborators: WorkCollaborators) -> None:
    """Run each delivery that is due."""
    for delivery, _, _ in deliveries.listed(collaborators.engine, DeliveryState.PENDING, 50):
        collaborators.delivery.run(delivery.id, "t")


def test_the_worklist_is_off_unless_the_settings_say_so(settings: Settings) -> None:
    """No patient data is offered by default, and nothing is delivered to it."""
    offered = {uid for service in WorkCollaborators(settings).offered_services for uid in service.sop_classes}
    assert not offered & set(UPS_SOP_CLASSES)
    assert settings.destination_names == ("pacs",)


def test_the_suspicion_is_first_and_whoever_waits_longer_before_whoever_came_later(
    collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """Reading order, by C-FIND; each names its patient, and the report of the PACS; the study is REPORTED."""
    normal = analysed(collaborators, tmp_path, 1, "normal")
    lateral = analysed(collaborators, tmp_path, 2, "normal", view="LL")
    suspicion = analysed(collaborators, tmp_path, 3, "pneumonia")
    with listening(collaborators) as address, reader(address) as assoc:
        matches = found(assoc, StudyInstanceUID="", ScheduledProcedureStepPriority="", PatientID=f"{PATIENT_ID[:2]}*")
        (high,) = found(assoc, ScheduledProcedureStepPriority="HIGH", InputInformationSequence=[])
    assert [match.StudyInstanceUID for match in matches] == [suspicion, normal, lateral]
    assert [match.ScheduledProcedureStepPriority for match in matches] == ["HIGH", "MEDIUM", "MEDIUM"]
    assert [len(high.InputInformationSequence), high.SOPInstanceUID] == [2, matches[0].SOPInstanceUID]
    assert study_of(collaborators, suspicion).status is StudyStatus.REPORTED


def test_a_claim_survives_the_restart_of_the_listener_and_is_completed(
    collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """Claimed before, completed after, by the Transaction UID alone."""
    analysed(collaborators, tmp_path, 1, "pneumonia")
    with listening(collaborators) as address, reader(address) as assoc:
        (match,) = found(assoc, ProcedureStepState="SCHEDULED")
        uid = match.SOPInstanceUID
        assert change(assoc, "IN PROGRESS", uid=uid) == 0
    with listening(collaborators) as address, reader(address) as assoc:
        assert found(assoc, ProcedureStepState="SCHEDULED") == []
        assert change(assoc, "IN PROGRESS", "9.9", uid) == 0xC302
        update = dataset(TransactionUID=KEY, UnifiedProcedureStepPerformedProcedureSequence=[PERFORMED])
        assert assoc.send_n_set(update, UPS_PUSH, uid, meta_uid=UPS_PULL)[0].Status == 0
        assert change(assoc, "COMPLETED", uid=uid) == 0
        status, kept = assoc.send_n_get([], UPS_PUSH, uid, meta_uid=UPS_PULL)
    assert (status.Status, kept.ProcedureStepState) == (0, "COMPLETED")
    assert kept.UnifiedProcedureStepPerformedProcedureSequence[0].PerformedProcedureStepEndDateTime


def test_a_reprocessed_study_takes_back_what_nobody_has_begun(collaborators: WorkCollaborators, tmp_path: Path) -> None:
    """The former workitem is CANCELED; one that is being read stays with who reads it."""
    for number, claims in ((1, False), (2, True)):
        uid = analysed(collaborators, tmp_path, number, "pneumonia")
        study = study_of(collaborators, uid)
        with listening(collaborators) as address, reader(address) as assoc:
            (first,) = found(assoc, StudyInstanceUID=uid)
            if claims:
                assert change(assoc, "IN PROGRESS", uid=first.SOPInstanceUID) == 0
            reprocessing.reprocess(collaborators.engine, study.id, datetime.now(UTC), Request("test"))
            collaborators.analysis.run(study.id, "t2")
            deliver(collaborators)
            states = {
                m.SOPInstanceUID: m.ProcedureStepState
                for m in found(assoc, StudyInstanceUID=uid, ProcedureStepState="")
            }
        assert states.pop(first.SOPInstanceUID) == ("IN PROGRESS" if claims else "CANCELED")
        assert list(states.values()) == ["SCHEDULED"]


def test_nobody_creates_a_workitem_here_and_a_late_delivery_reopens_none(
    collaborators: WorkCollaborators, tmp_path: Path
) -> None:
    """N-CREATE 0124; a resend leaves a claim as it is."""
    analysed(collaborators, tmp_path, 1, "pneumonia")
    with listening(collaborators) as address, reader(address) as assoc:
        assert assoc.send_n_create(dataset(PatientID="1"), UPS_PUSH, "1.2.3")[0].Status == 0x0124
        (match,) = found(assoc)
        assert change(assoc, "IN PROGRESS", uid=match.SOPInstanceUID) == 0
        rows = deliveries.listed(collaborators.engine, DeliveryState.SENT, 10)
        deliveries.resend(collaborators.engine, [delivery.id for delivery, _, _ in rows], datetime.now(UTC), "test")
        deliver(collaborators)
        (again,) = found(assoc, ProcedureStepState="")
    assert (again.SOPInstanceUID, again.ProcedureStepState) == (match.SOPInstanceUID, "IN PROGRESS")


def test_only_who_is_named_may_see_the_worklist(collaborators: WorkCollaborators) -> None:
    """A modality may store, and finds no UPS context accepted."""
    with listening(collaborators) as address:
        with reader(address, "MODALITY") as modality:
            accepted = {str(context.abstract_syntax) for context in modality.accepted_contexts}
        with reader(address) as named:
            mine = {str(context.abstract_syntax) for context in named.accepted_contexts}
    assert accepted == {DigitalXRayImageStorageForPresentation}
    assert mine == {DigitalXRayImageStorageForPresentation, *UPS_SOP_CLASSES}


def test_a_query_too_long_and_one_for_another_service_end_the_association_and_nothing_else(
    collaborators: WorkCollaborators,
) -> None:
    """The listener goes on: the next one is answered."""
    with listening(collaborators) as address:
        for keys, model in ((dataset(TextComments="x" * (9 << 20)), UPS_QUERY), (None, None)):
            gone = threading.Event()
            with reader(address, handlers=[(evt.EVT_ABORTED, lambda _, gone=gone: gone.set())]) as assoc:  # type: ignore[misc]
                if keys is not None:
                    list(assoc.send_c_find(keys, model))
                else:
                    assoc.send_n_action(Dataset(), 1, "1.2.840.10008.1.20.1", "1.2.3", meta_uid=UPS_PULL)
                assert gone.wait(20)
        with reader(address) as assoc:
            assert found(assoc) == []
