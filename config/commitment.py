"""Storage commitment: how destinations are asked, and how senders are answered."""

from pydantic import NonNegativeInt, PositiveInt

from config.section import Seconds, SecondsOrNone, Section


class CommitmentSettings(Section):
    """Both sides of storage commitment."""

    request_attempts: PositiveInt
    request_answer_seconds: Seconds
    hold_seconds: SecondsOrNone
    query_attempts: PositiveInt
    resend_attempts: NonNegativeInt
    offer: bool
    answer_attempts: PositiveInt
