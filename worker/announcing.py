"""What is said of a result where it is announced: on worklists, and to a RIS."""

from dataclasses import dataclass

from db import results
from db.session import Engine
from db.tables import Result, Study
from dicom_gateway.report_content import ReportContent
from dicom_gateway.report_words import statement
from dicom_gateway.source_facts import study_facts
from dicom_gateway.uids import workitem_uid
from dicom_gateway.ups_workitem import WorkitemContent
from domain.study_facts import StudyFacts
from worker.reporting import ReportKeeper

_PREFIX = "AI triage, preliminary, not for diagnosis: "


@dataclass(frozen=True, slots=True)
class Announcement:
    """A result with its study, ready to be announced."""

    result: Result
    study: Study
    facts: StudyFacts
    content: ReportContent
    #: The result before this one; None for the first.
    superseded: Result | None
    #: A newer result of the study exists: this one is history.
    is_outdated: bool

    @property
    def comment(self) -> str:
        """The result in a sentence, with what it is not."""
        return _PREFIX + statement(self.content)

    def workitem(
        self, destination: str, report: tuple[str, str] | None, *, retrieve_ae_title: str, worklist_label: str
    ) -> WorkitemContent:
        """Give this result's workitem at a destination."""
        return WorkitemContent(
            sop_instance_uid=self._workitem_uid(self.result, destination),
            study=self.facts,
            reading_priority=self.result.reading_priority,
            scheduled_at=self.study.first_received_at,
            comment=self.comment,
            worklist_label=worklist_label,
            retrieve_ae_title=retrieve_ae_title,
            report=report,
            replaces=self._workitem_uid(self.superseded, destination) if self.superseded is not None else None,
        )

    def obsolete(self, workitem: WorkitemContent) -> list[str]:
        """List the workitems that are out of date: the one before it, and, late, itself."""
        own = workitem.sop_instance_uid if self.is_outdated else None
        return [uid for uid in (workitem.replaces, own) if uid is not None]

    def _workitem_uid(self, result: Result, destination: str) -> str:
        return workitem_uid(self.study.study_instance_uid, result.revision, result.model_version, destination)


class Announcer:
    """Gathers what is to be said of a result."""

    def __init__(self, engine: Engine, keeper: ReportKeeper) -> None:
        self._engine = engine
        self._keeper = keeper

    def of_result(self, result_id: int) -> Announcement:
        """Give what is to be said. Raises StoreUnavailable, and Rejected when the study has no image."""
        result, study = results.with_study(self._engine, result_id)
        history = results.of_study(self._engine, study.id)
        superseded = next((earlier for earlier in history if earlier.id == result.supersedes_id), None)
        content = self._keeper.content_of(result)
        facts = study_facts(self._keeper.headers_of(result, study), content.analysed_sop_instance_uid)
        return Announcement(result, study, facts, content, superseded, is_outdated=history[-1].id != result.id)
