"""What the API's answers hold."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from db.failures import FailureKind
from db.worklist import Column
from domain.finding import Assessment, RefusalCode
from domain.priority import ReadingPriority
from domain.reading import ReadingState, Role, Verdict
from domain.study import DeliveryState, StudyStatus

#: No NUL, which PostgreSQL keeps in no text.
_NO_NUL = r"^[^\x00]*$"
#: What the databases' integers hold.
GREATEST_ID = 2**31 - 1
Id = Annotated[int, Field(ge=1, le=GREATEST_ID)]
Uid = Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]
Cursor = Annotated[str, Field(max_length=256, pattern=r"^[A-Za-z0-9_-]+$")]


def _is_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = "must be a number"
        raise ValueError(message)  # noqa: TRY004 - pydantic takes a TypeError for a mistake of ours
    return value


#: In a body: true and "1" are no numbers there, and 1.0 is a whole one (JSON Schema), which strict would refuse.
_NUMBER = BeforeValidator(_is_number)


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorklistQuery(_Given):
    """Which studies, in which order. No patient data: what is searched for by text is not in an address."""

    show: Literal["open", "waiting", "reading", "read", "all"] = "open"
    priority: ReadingPriority | None = None
    not_analysed: bool = Field(False, description="Only studies about which the network makes no statement.")
    sort: Column = Column.READING_ORDER
    reverse: bool = False
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Cursor | None = Field(None, description="`next` of the page before; the rest of the query as it was.")


class WorklistSearch(WorklistQuery):
    """The same, with a text. JSON has types, so nothing passes for another one, as it must in an address."""

    not_analysed: bool = Field(
        False, strict=True, description="Only studies about which the network makes no statement."
    )
    reverse: bool = Field(False, strict=True)
    limit: Annotated[int, Field(ge=1, le=500), _NUMBER] = 50
    text: str = Field(
        "",
        max_length=64,
        pattern=_NO_NUL,
        description="Beginning of a word of the patient's name, of the patient ID or of the accession number.",
    )


class DeliveryQuery(_Given):
    """Which deliveries; newest first."""

    state: DeliveryState | None = None
    destination: Annotated[str, Field(max_length=64, pattern=_NO_NUL)] | None = None
    study_instance_uid: Uid | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Id | None = Field(None, description="`next` of the page before.")


class FeedbackGiven(_Given):
    """What a reader says of one result."""

    result_id: Annotated[Id, _NUMBER]
    verdict: Verdict
    finding: str = Field("", max_length=64, pattern=_NO_NUL)
    note: str = Field("", max_length=2000, pattern=_NO_NUL)


class RetryWanted(_Given):
    """What is to be tried again: these studies and what failed of them, or everything that failed."""

    studies: list[Uid] = Field([], max_length=1000)
    all: bool = Field(False, strict=True)


class Me(BaseModel):
    """Who calls."""

    name: str
    role: Role
    token_id: int | None
    expires_at: datetime | None


class Patient(BaseModel):
    """Of the header of the study's first readable image."""

    name: str = Field(description="DICOM PN.")
    id: str
    birth_date: str = Field(description="YYYYMMDD, or empty.")
    sex: str
    age: str = Field(description="At the study, in words.")


class OperatingPointShown(BaseModel):
    """A threshold with the performance measured at it."""

    name: str
    threshold: float
    sensitivity: float
    specificity: float
    measured_on: str


class RefusalShown(BaseModel):
    """Why nothing was scored."""

    code: RefusalCode
    words: str
    detail: str


class ResultShown(BaseModel):
    """What the network said of one revision; preliminary, and no reading."""

    id: int
    revision: int
    model_version: str
    assessment: Assessment
    probability: float | None
    operating_point: OperatingPointShown | None
    refusal: RefusalShown | None
    reading_priority: ReadingPriority
    notes: list[str]
    analysed_instance_id: int | None
    created_at: datetime
    supersedes_id: int | None


class StudyLine(BaseModel):
    """One line of the list."""

    id: str = Field(description="Opaque: what addresses name the study by.")
    study_instance_uid: str
    revision: int
    status: StudyStatus
    reading_state: ReadingState
    reader: str
    reading_priority: ReadingPriority
    reason: str = Field(description="Why it stands where it stands.")
    waiting_since: datetime
    patient: Patient
    study_moment: str = Field(description="YYYYMMDDHHMMSS, or its beginning.")
    accession_number: str
    study_description: str
    result: ResultShown | None
    not_analysed: str = Field(description="Why the network makes no statement; empty when it makes one.")
    viewer_url: str


class WorklistPage(BaseModel):
    """Some lines, how many there are, and where it goes on."""

    items: list[StudyLine]
    total: int
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class Counts(BaseModel):
    """Studies by state of reading."""

    waiting: int
    reading: int
    read: int


class ImageShown(BaseModel):
    """One image of a study."""

    id: int
    sop_instance_uid: str
    sop_class_uid: str
    received_at: datetime
    is_analysed: bool
    png: str = Field(description="Path of its picture.")


class ReportShown(BaseModel):
    """One report of a result, as it was sent."""

    id: int
    result_id: int
    sop_instance_uid: str
    sop_class_uid: str
    created_at: datetime
    tree: str = Field(description="Path of its content tree.")
    file: str = Field(description="Path of the DICOM file.")


class StudyShown(StudyLine):
    """One study: its line, images and reports, and what is to be read next."""

    images: list[ImageShown]
    reports: list[ReportShown]
    following: str | None


class ContentItem(BaseModel):
    """One content item of a report, PS3.3 C.17.3."""

    relationship: str
    name: str
    value: str
    children: list["ContentItem"] = []


class FeedbackShown(BaseModel):
    """What a reader said of one result; the newest of each reader counts."""

    result_id: int
    verdict: Verdict
    finding: str
    note: str
    by: str
    at: datetime


class SenderShown(BaseModel):
    """One association that a study came over."""

    calling_ae_title: str
    peer_address: str
    instances: int
    first_at: datetime
    last_at: datetime
    closed_at: datetime | None


class InstanceTold(BaseModel):
    """One acknowledged instance."""

    sop_instance_uid: str
    received_at: datetime
    bytes: int
    remark: str


class EventTold(BaseModel):
    """What happened, and by which rule."""

    at: datetime
    kind: str
    what: str
    rule: str


class ResultTold(BaseModel):
    """A result, as the story tells it."""

    revision: int
    model_version: str
    assessment: Assessment
    probability: float | None
    rule: str
    reading_priority: ReadingPriority
    notes: list[str]


class Story(BaseModel):
    """What `cxr-triage why --json` prints."""

    study_instance_uid: str
    status: StudyStatus
    revision: int
    senders: list[SenderShown]
    instances: list[InstanceTold]
    events: list[EventTold]
    results: list[ResultTold]
    waits_for: list[str]


class DeliveryShown(BaseModel):
    """One report on its way to one destination."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    study_instance_uid: str
    revision: int
    destination: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    sent_at: datetime | None
    confirm_at: datetime | None
    confirmation: str | None
    losses: int
    last_error: str | None


class DeliveryPage(BaseModel):
    """Some deliveries, newest first, and where it goes on."""

    items: list[DeliveryShown]
    next: int | None


class FailureShown(BaseModel):
    """What was given up on."""

    model_config = ConfigDict(from_attributes=True)

    what: FailureKind
    id: int
    study_instance_uid: str
    since: datetime | None
    attempts: int
    destination: str | None
    last_error: str | None


class Retried(BaseModel):
    """What is being tried again."""

    tried_again: list[FailureShown]


#: What `cxr-triage status --json` prints.
ServiceStatus = dict[str, Any]
