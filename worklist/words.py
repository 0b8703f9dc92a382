"""Values in the words of the page. Everything given back is text: the templates escape it."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from db.tables import Result, Study
from db.worklist import Row
from db.worklist_tables import WorklistEntry
from domain.finding import Assessment
from domain.priority import ReadingPriority
from domain.reading import ReadingState
from domain.study import StudyStatus

_DATE, _MINUTE_OF_DAY = 8, 12
#: Below this the months matter more than the years.
_INFANT_MONTHS = 24


def person(name: str) -> str:
    """Write a DICOM PN as people read it: DOE, John Peter; of several component groups the first that says anything."""
    group = next((part for part in name.split("=") if part.strip("^ ")), "")
    parts = [" ".join(part.split()) for part in group.split("^")]
    family, given = parts[0], " ".join(part for part in parts[1:3] if part)
    return ", ".join(part for part in (family, given) if part) or "(no name)"


def day_of(text: str) -> str:
    """Write YYYYMMDD as 2026-11-22; what is no such day as it is."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) >= _DATE and text[:_DATE].isdecimal() else text


def moment_of(text: str) -> str:
    """Write YYYYMMDDHHMMSS as 2026-11-22 08:15."""
    clock = text[_DATE:_MINUTE_OF_DAY]
    return f"{day_of(text)} {clock[:2]}:{clock[2:]}" if len(clock) == _MINUTE_OF_DAY - _DATE else day_of(text)


def age(entry: WorklistEntry) -> str:
    """Give the age at the study: in years, below two in months; "" when a date is missing."""
    try:
        born = datetime.strptime(entry.birth_date, "%Y%m%d").replace(tzinfo=UTC)
        studied = datetime.strptime(entry.study_moment[:_DATE], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return ""
    months = (studied.year - born.year) * 12 + studied.month - born.month - (studied.day < born.day)
    if months < 0:
        return ""
    return f"{months} mo" if months < _INFANT_MONTHS else f"{months // 12} y"


def duration(span: timedelta) -> str:
    """Write a time of waiting: 3 min, 1 h 05 min, 2 d 4 h."""
    minutes = max(0, int(span.total_seconds() // 60))
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def reason(row: Row, now: datetime, max_wait: timedelta) -> str:
    """Say why a study stands where it stands."""
    priority, result = row.entry.reading_priority, row.result
    if priority is ReadingPriority.STAT:
        return "ordered STAT"
    if priority is ReadingPriority.HIGH:
        flagged = result is not None and result.assessment is Assessment.SUSPECTED
        return "pneumonia suspected" if flagged else "ordered with high priority"
    if row.entry.reading_state is ReadingState.WAITING and now - row.waiting_since > max_wait:
        return f"risen: waits over {duration(max_wait)}"
    return "by arrival"


def not_analysed(study: Study, result: Result | None) -> str:
    """Say why the network made no statement, or that it has not yet; "" when it has made one."""
    if study.status is StudyStatus.FAILED:
        return "Not analysed: analysis failed"
    if result is None:
        return "Not analysed yet"
    if result.refusal_code is not None:
        return f"Not analysed: {result.refusal_code.words}"
    return ""


def finding(result: Result) -> str:
    """Give the assessment in words; never that nothing is there."""
    return "Pneumonia suspected" if result.assessment is Assessment.SUSPECTED else "Pneumonia not detected"


def is_outdated(study: Study, result: Result | None) -> bool:
    """Say whether images came, or a reprocessing was asked for, since this result."""
    return result is not None and result.revision != study.revision


def status(study: Study) -> str:
    """Say what the service does with a study."""
    return _STATUS[study.status]


_STATUS = {
    StudyStatus.RECEIVING: "receiving images",
    StudyStatus.READY: "waits for analysis",
    StudyStatus.ANALYSING: "being analysed",
    StudyStatus.ANALYSED: "report on its way",
    StudyStatus.REPORTED: "reported",
    StudyStatus.FAILED: "analysis failed",
}


def viewer_link(template: str, row: Row) -> str:
    """Fill in the URL of the hospital's viewer; "" without one."""
    if not template:
        return ""
    values = {
        "study_instance_uid": quote(row.study.study_instance_uid, safe=""),
        "accession_number": quote(row.entry.accession_number, safe=""),
    }
    return template.format(**values)


def fact(name: str, value: object) -> str:
    """Write a value of `status`: bytes in gigabytes, moments in this machine's time, nothing as a dash."""
    if isinstance(value, int) and name.endswith("bytes"):
        return f"{value / 10**9:.1f} GB"
    return local(value) if isinstance(value, datetime) else "-" if value is None else str(value)


def local(moment: datetime) -> str:
    """Write a moment in this machine's time."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
