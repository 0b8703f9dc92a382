"""The one tree of errors: what is never retried, and what is.

CxrTriageError
├── Rejected                    permanent: trying again cannot help
│   ├── ConfigurationInvalid    a setting, a weights folder or a database is not usable
│   ├── NotAnalysable           a coded refusal: the image may not, or cannot, be scored
│   ├── InstanceInvalid         received bytes that are not a usable DICOM instance
│   ├── ReportRefused           the PACS answered that it will not take this report
│   └── QuestionRefused         a peer answered that it will not say, or hear, what it was asked or told
└── Transient                   may pass: the queue tries again later
    ├── PeerUnavailable         no association, no answer, or an abort in mid-transfer
    ├── PeerBusy                the PACS answered that it is out of resources for now
    ├── StoreUnavailable        disk or database cannot keep what it was given
    │   └── IntakeStopped       by our own choice, before the disk is full or the queue endless
    ├── BrokerUnavailable       the doorbell cannot be rung; the sweep will
    └── ProcessDied             the child process that worked on this ended, or hung
"""

from domain.finding import RefusalCode


class CxrTriageError(Exception):
    """Something in cxr-triage failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class Rejected(CxrTriageError):
    """This cannot succeed, however often it is tried."""


class ConfigurationInvalid(Rejected):
    """The configuration cannot be used."""


class NotAnalysable(Rejected):
    """The image is not one that the network may score.

    Never silently negative: each refusal has a code for machines and words for readers.
    """

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(f"{code.value}: {detail}")
        #: Which rule refused.
        self.code = code
        #: What was measured or read, without patient data.
        self.detail = detail


class InstanceInvalid(Rejected):
    """The bytes are not a DICOM instance that can be stored."""


class ReportRefused(Rejected):
    """The PACS refused the report for good."""

    def __init__(self, status: int, comment: str = "") -> None:
        super().__init__(f"the PACS refused the report with status 0x{status:04X} {comment}".rstrip())
        #: DIMSE status, PS3.4 Annex B.2.3.
        self.status = status


class QuestionRefused(Rejected):
    """A peer will not answer a question, or not take an answer."""

    def __init__(self, status: int, comment: str = "") -> None:
        super().__init__(f"the peer answered with status 0x{status:04X} {comment}".rstrip())
        #: DIMSE status, PS3.7 Annex C.
        self.status = status


class Transient(CxrTriageError):
    """This may succeed when tried again."""


class PeerUnavailable(Transient):
    """The peer could not be reached, or broke off."""


class PeerBusy(Transient):
    """The peer is out of resources for now."""

    def __init__(self, status: int, comment: str = "") -> None:
        super().__init__(f"the peer answered with status 0x{status:04X} {comment}".rstrip())
        #: DIMSE status, PS3.4 Annex B.2.3.
        self.status = status


class StoreUnavailable(Transient):
    """The disk or the database cannot keep this now."""


class IntakeStopped(StoreUnavailable):
    """Nothing more is received for now."""


class BrokerUnavailable(Transient):
    """The broker cannot be reached."""


class ProcessDied(Transient):
    """The process that worked on this ended, or hung and was ended."""
