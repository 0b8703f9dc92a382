"""What each kind of event means, and by which rule it came to that."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from db.events import EventKind


@dataclass(frozen=True, slots=True)
class EventWords:
    """Both with the event's own details in braces."""

    what: str
    rule: str = ""


_WORDS = {
    EventKind.STUDY_OPENED: EventWords(
        "first image, from {calling_ae_title}", "acknowledged only when file and row were safe"
    ),
    EventKind.LATE_INSTANCE: EventWords(
        "another image while it was {status_was}: revision {revision}",
        "a late image starts the revision over; where it has a result, it opens the next one",
    ),
    EventKind.INSTANCE_DIFFERS: EventWords(
        "other bytes under a UID that was here already: {sop_instance_uid}", "kept beside the first, never over it"
    ),
    EventKind.INSTANCE_DAMAGED: EventWords(
        "the file of {sop_instance_uid} is missing or altered", "a file that fails its checksum is never scored"
    ),
    EventKind.INSTANCE_MENDED: EventWords("the file of {sop_instance_uid} is whole again"),
    EventKind.STUDY_PURGED: EventWords(
        "{instances} images removed by {by} ({reason})", "every report is delivered; results, reports and events stay"
    ),
    EventKind.INSTANCE_RESTORED: EventWords(
        "{sop_instance_uid}, removed before, was sent again", "a result that was made from it stays"
    ),
    EventKind.OWN_OUTPUT_RETURNED: EventWords(
        "{calling_ae_title} sent back what this service made", "kept, and never read"
    ),
    EventKind.STUDY_READY: EventWords(
        "complete", "no new image for readiness.study_quiet_seconds, and no open association is sending it"
    ),
    EventKind.ANALYSIS_STARTED: EventWords("analysis, attempt {attempt}"),
    EventKind.ANALYSIS_RETRY: EventWords(
        "attempt {attempt} failed: {error}", "tried again after a growing wait (analysis.retry_seconds)"
    ),
    EventKind.ANALYSIS_ABANDONED: EventWords("the analysis was given up"),
    EventKind.STUDY_ANALYSED: EventWords(
        "read by {model_version}: {assessment}; reading priority {reading_priority}; revision {revision}",
        "suspected at or above the operating point; priority is only ever raised",
    ),
    EventKind.STUDY_FAILED: EventWords(
        "attempt {attempt} failed, the last one: {error}", "analysis.max_attempts are used up: a human must read it"
    ),
    EventKind.REPROCESS_REQUESTED: EventWords(
        "reprocessing asked for by {by}: revision {revision}", "history is kept: results are superseded, never changed"
    ),
    EventKind.REPORT_BUILT: EventWords("report made: {sop_instance_uid}", "its bytes are kept, to be sent again"),
    EventKind.REPORT_SENT: EventWords("{destination} answered {dimse_status} to attempt {attempt}: it has the report"),
    EventKind.DELIVERY_RETRY: EventWords(
        "attempt {attempt} to {destination} failed: {error}", "tried again after a growing wait (delivery)"
    ),
    EventKind.DELIVERY_FAILED: EventWords(
        "{destination} did not get the report: {error}", "refused for good, or delivery.max_attempts used up"
    ),
    EventKind.DELIVERY_RESEND: EventWords("delivery {delivery_id} made due again by {by}", "the kept bytes are sent"),
    EventKind.STUDY_REPORTED: EventWords("reported", "every destination has the newest report"),
    EventKind.STUDY_TAKEN: EventWords("taken by {by}", "one reader at a time, here or on another system"),
    EventKind.STUDY_GIVEN_BACK: EventWords("given back by {by}"),
    EventKind.STUDY_READ: EventWords("read by {by}"),
    EventKind.CLAIM_EXPIRED: EventWords(
        "free again: {held_by} held it for {after_minutes} minutes", "worklist.claim_minutes are over"
    ),
    EventKind.STUDY_VIEWED: EventWords("looked at by {by}"),
    EventKind.REPORT_DOWNLOADED: EventWords("report downloaded by {by}: {sop_instance_uid}"),
    EventKind.FEEDBACK_GIVEN: EventWords("{by} says: {verdict} (result {result_id})"),
}


def words_of(kind: str, detail: Mapping[str, object]) -> EventWords:
    """Give the words of one event; a kind that has none yet is named as it is, with its details."""
    if kind not in _WORDS:
        facts = ", ".join(f"{key} {value}" for key, value in detail.items())
        return EventWords(f"{kind.replace('_', ' ')} ({facts})" if facts else kind.replace("_", " "))
    words = _WORDS[EventKind(kind)]
    known = defaultdict(lambda: "?", detail)
    return EventWords(words.what.format_map(known), words.rule.format_map(known))
