"""Each destination gets the report that it takes, the heat map if it wants it, and never a second report beside one."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
)

from config.destinations import DestinationSettings
from config.settings import Settings
from db import deliveries, heat_maps, reports, reprocessing, schema
from db.reprocessing import Request
from db.tables import Result
from dicom_gateway.pacs_sop_classes import REPORT_SOP_CLASSES
from dicom_gateway.simulated_pacs import Faults, SimulatedPacs
from domain.finding import Assessment
from domain.study import DeliveryState
from tests.integration.worker.stored import results_of, store_study
from tests.unit.report.builders import named as named_items
from worker.bootstrap_work import WorkCollaborators

_EVERY_REPORT = [str(uid) for uid in REPORT_SOP_CLASSES]


class Site:
    """A service and the PACSs that it sends to."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._running: list[SimulatedPacs] = []
        self._wishes: list[DestinationSettings] = []
        self.collaborators = WorkCollaborators(settings)
        schema.upgrade(self.collaborators.engine)

    def pacs(self, accepts: Sequence[str], **wishes: Any) -> SimulatedPacs:
        """Add a PACS that takes these SOP classes and nothing else."""
        running = SimulatedPacs("SIMPACS", sop_classes=accepts)
        running.start()
        self._running.append(running)
        self.replace(running, **wishes)
        return running

    def replace(self, pacs: SimulatedPacs, **wishes: Any) -> None:
        """Set what is wished for a PACS, from here on."""
        number = self._running.index(pacs)
        host, port = pacs.address
        made = DestinationSettings(name=f"pacs{number}", ae_title="SIMPACS", host=host, port=port, **wishes)
        self._wishes[number:] = [made, *self._wishes[number + 1 :]]
        changed = self._settings.model_copy(update={"destinations": tuple(self._wishes)})
        self.collaborators.engine.dispose()
        self.collaborators = WorkCollaborators(changed)

    def analyse(self, view: str = "AP", truth: str = "pneumonia") -> Result:
        """Receive and read one study."""
        study = store_study(self.collaborators, self._folder, view=view, truth=truth)
        self.collaborators.analysis.run(study.id, "t")
        return results_of(self.collaborators, study)[-1]

    def reprocess(self, result: Result) -> Result:
        """Read the study once more."""
        assert reprocessing.reprocess(self.collaborators.engine, result.study_id, datetime.now(UTC), Request("test"))
        self.collaborators.analysis.run(result.study_id, "again")
        ((_, newest, _), *_) = deliveries.listed(self.collaborators.engine, None, 1)
        return newest

    def deliver(self, result: Result) -> list[DeliveryState]:
        """Try each delivery of a result that waits; gives their states."""
        engine = self.collaborators.engine
        for delivery in deliveries.of_result(engine, result.id):
            self.collaborators.delivery.run(delivery.id, f"t{delivery.attempts}")
        return [delivery.state for delivery in deliveries.of_result(engine, result.id)]

    def resend(self, result: Result) -> list[DeliveryState]:
        """Send a result's reports again, as the administrator can."""
        engine = self.collaborators.engine
        deliveries.resend(engine, [d.id for d in deliveries.of_result(engine, result.id)], datetime.now(UTC), "test")
        return self.deliver(result)

    def close(self) -> None:
        """Stop everything."""
        for pacs in self._running:
            pacs.stop()
        self.collaborators.engine.dispose()


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> Iterator[Site]:
    """A service without destinations yet."""
    made = Site(settings.model_copy(update={"destinations": ()}), tmp_path)
    yield made
    made.close()


def _sent(pacs: SimulatedPacs) -> list[str]:
    return [attempt.sop_class_uid for attempt in pacs.attempts]


@pytest.mark.parametrize(
    ("accepts", "gets"),
    [
        (_EVERY_REPORT, Comprehensive3DSRStorage),
        ([EnhancedSRStorage, ComprehensiveSRStorage], ComprehensiveSRStorage),
        ([ComprehensiveSRStorage], ComprehensiveSRStorage),
        ([EnhancedSRStorage], EnhancedSRStorage),
    ],
    ids=["all", "two", "only Comprehensive", "only Enhanced"],
)
def test_a_pacs_gets_the_best_report_that_it_takes(site: Site, accepts: list[str], gets: str) -> None:
    """One report, of the first SOP class that was accepted, and kept under its own UID."""
    pacs = site.pacs(accepts)
    result = site.analyse()
    assert site.deliver(result) == [DeliveryState.SENT]
    assert _sent(pacs) == [gets]
    (kept,) = reports.reports_of(site.collaborators.engine, result.id)
    assert (kept.sop_class_uid, kept.sop_instance_uid) == (gets, pacs.reports[0].SOPInstanceUID)


def test_basic_text_is_sent_only_where_it_is_wished(site: Site) -> None:
    """A PACS that takes nothing else fails with 0122 by default, and gets its text once the settings say so."""
    pacs = site.pacs([BasicTextSRStorage])
    result = site.analyse()
    assert site.deliver(result) == [DeliveryState.FAILED]
    assert pacs.attempts == ()
    site.replace(pacs, report_format="basic_text")
    assert site.resend(result) == [DeliveryState.SENT]
    assert _sent(pacs) == [BasicTextSRStorage]


def test_several_destinations_each_get_their_own(site: Site) -> None:
    """Four PACSs with four tastes: each one gets one report, and only the one that wants it a heat map."""
    plain = site.pacs(_EVERY_REPORT)
    pictured = site.pacs([*_EVERY_REPORT, SecondaryCaptureImageStorage], heat_map=True)
    old = site.pacs([EnhancedSRStorage])
    text = site.pacs(_EVERY_REPORT, report_format="basic_text")
    result = site.analyse()
    assert set(site.deliver(result)) == {DeliveryState.SENT}
    assert _sent(plain) == [Comprehensive3DSRStorage]
    assert _sent(pictured) == [SecondaryCaptureImageStorage, Comprehensive3DSRStorage]
    assert _sent(old) == [EnhancedSRStorage]
    assert _sent(text) == [BasicTextSRStorage]
    uids = {pacs.reports[0].SOPInstanceUID for pacs in (plain, pictured, old, text)}
    assert len(uids) == 4, "other bytes, other UID"


def test_the_heat_map_arrives_before_the_report_that_names_it(site: Site) -> None:
    """The capture is ours, in its own series, and the report's evidence and explanation point at it."""
    pacs = site.pacs([*_EVERY_REPORT, SecondaryCaptureImageStorage], heat_map=True)
    result = site.analyse()
    site.deliver(result)
    (capture,), (report,) = pacs.captures, pacs.reports
    series = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    evidence = {item.ReferencedSOPInstanceUID for each in series for item in each.ReferencedSOPSequence}
    assert capture.SOPInstanceUID in evidence
    assert capture.SeriesInstanceUID in {each.SeriesInstanceUID for each in series}
    assert capture.pixel_array.std(axis=2).max() > 10, "painted in colour"
    assert (capture.PhotometricInterpretation, capture.BurnedInAnnotation) == ("RGB", "NO")
    kept = heat_maps.of_result(site.collaborators.engine, result.id)
    assert kept is not None
    assert kept.hottest > 0


@pytest.mark.parametrize(
    ("view", "truth", "assessment"),
    [("LL", "pneumonia", Assessment.UNDETERMINED), ("AP", "normal", Assessment.NOT_DETECTED)],
    ids=["undetermined", "not detected"],
)
def test_without_a_suspicion_there_is_no_heat_map(site: Site, view: str, truth: str, assessment: Assessment) -> None:
    """The report goes alone, and refers to none."""
    pacs = site.pacs([*_EVERY_REPORT, SecondaryCaptureImageStorage], heat_map=True)
    result = site.analyse(view=view, truth=truth)
    assert result.assessment is assessment
    assert site.deliver(result) == [DeliveryState.SENT]
    assert _sent(pacs) == [Comprehensive3DSRStorage]


def test_a_pacs_that_takes_no_pictures_still_gets_the_report(site: Site) -> None:
    """Without a context for Secondary Capture the report goes alone, and refers to none."""
    pacs = site.pacs(_EVERY_REPORT, heat_map=True)
    assert site.deliver(site.analyse()) == [DeliveryState.SENT]
    assert _sent(pacs) == [Comprehensive3DSRStorage]
    assert "Visual explanation" not in str(pacs.reports[0])


def test_a_refused_picture_does_not_cost_the_report(site: Site) -> None:
    """The capture is refused for good; the report is sent on the same association, and refers to none."""
    pacs = site.pacs([*_EVERY_REPORT, SecondaryCaptureImageStorage], heat_map=True)
    pacs.set_faults(Faults(refuse_status=0xA900, fault_count=1))
    assert site.deliver(site.analyse()) == [DeliveryState.SENT]
    assert _sent(pacs) == [SecondaryCaptureImageStorage, Comprehensive3DSRStorage]
    assert "Visual explanation" not in str(pacs.reports[0])


def test_a_picture_that_finds_no_room_is_tried_again_before_the_report(site: Site) -> None:
    """Out of resources is transient: nothing was chosen yet, and both go at the next attempt."""
    pacs = site.pacs([*_EVERY_REPORT, SecondaryCaptureImageStorage], heat_map=True)
    pacs.set_faults(Faults(refuse_status=0xA700, fault_count=1))
    result = site.analyse()
    assert site.deliver(result) == [DeliveryState.PENDING]
    assert site.resend(result) == [DeliveryState.SENT]
    assert (len(pacs.captures), len(pacs.reports)) == (1, 1)
    assert "Visual explanation" in str(pacs.reports[0])


@pytest.mark.parametrize(
    "wishes", [{"report_format": "basic_text"}, {"heat_map": True}, {}], ids=["other form", "heat map", "no change"]
)
def test_what_was_sent_is_what_is_sent_again(site: Site, wishes: dict[str, Any]) -> None:
    """Whatever the settings say meanwhile, a second report never stands beside the first."""
    pacs = site.pacs([*_EVERY_REPORT, SecondaryCaptureImageStorage])
    result = site.analyse()
    site.deliver(result)
    site.replace(pacs, **wishes)
    assert site.resend(result) == [DeliveryState.SENT]
    assert len(pacs.reports) == 1
    assert pacs.times_sent(pacs.reports[0].SOPInstanceUID) == 2


def test_an_answer_that_was_lost_binds_the_choice(site: Site) -> None:
    """The association broke during the report: the PACS may have it, so the same form goes again, nothing better."""
    pacs = site.pacs([EnhancedSRStorage])
    pacs.set_faults(Faults(abort_in_transfer=True, fault_count=1))
    result = site.analyse()
    assert site.deliver(result) == [DeliveryState.PENDING]
    port = pacs.address[1]
    pacs.stop()
    with SimulatedPacs("SIMPACS", port=port) as better:
        assert site.resend(result) == [DeliveryState.SENT]
        assert _sent(better) == [EnhancedSRStorage]


def test_sending_the_heat_map_again_sends_the_same_bytes(site: Site) -> None:
    """The capture is kept as built: a second time the PACS gets the same instance, element for element."""
    pacs = site.pacs([*_EVERY_REPORT, SecondaryCaptureImageStorage], heat_map=True)
    result = site.analyse()
    site.deliver(result)
    (first,) = pacs.captures
    site.resend(result)
    (second,) = pacs.captures
    assert first is not second
    assert first == second


def test_a_reprocessed_study_names_the_report_that_the_destination_got(site: Site) -> None:
    """Revision 2 names revision 1 as that PACS has it, and keeps the tracking UID."""
    pacs = site.pacs([EnhancedSRStorage])
    first = site.analyse()
    site.deliver(first)
    site.deliver(site.reprocess(first))
    one, two = pacs.reports
    (study,) = two.PredecessorDocumentsSequence
    named = [item for each in study.ReferencedSeriesSequence for item in each.ReferencedSOPSequence]
    assert [(item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) for item in named] == [
        (EnhancedSRStorage, one.SOPInstanceUID)
    ]
    assert _tracking_uid(one) == _tracking_uid(two)


def test_a_predecessor_that_was_not_sent_yet_is_the_one_that_will_be(site: Site) -> None:
    """Revision 2 goes first, because the PACS was away: what it names as its predecessor arrives under that UID."""
    pacs = site.pacs([EnhancedSRStorage, SecondaryCaptureImageStorage], heat_map=True)
    first = site.analyse()
    second = site.reprocess(first)
    site.deliver(second)
    site.deliver(first)
    two, one = pacs.reports
    (study,) = two.PredecessorDocumentsSequence
    named = [i.ReferencedSOPInstanceUID for s in study.ReferencedSeriesSequence for i in s.ReferencedSOPSequence]
    assert named == [one.SOPInstanceUID]
    assert len(pacs.captures) == 2


def test_a_heat_map_whose_image_is_gone_does_not_hold_the_report(site: Site) -> None:
    """The stored file was lost after the analysis: the report goes alone."""
    pacs = site.pacs([*_EVERY_REPORT, SecondaryCaptureImageStorage], heat_map=True)
    result = site.analyse()
    for file in site.collaborators.store.instances.rglob("*.dcm"):
        file.unlink()
    assert site.deliver(result) == [DeliveryState.SENT]
    assert _sent(pacs) == [Comprehensive3DSRStorage]


def _tracking_uid(report: Dataset) -> str:
    (item,) = named_items(report, "112040")
    return str(item.UID)
