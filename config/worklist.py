"""Settings of the worklist's page."""

from typing import Annotated

from pydantic import Field, field_validator

from config.oidc import OidcSettings
from config.web import WebPlace

#: A day has no more.
_MINUTES_OF_A_DAY = 24 * 60
Minutes = Annotated[int, Field(gt=0, le=_MINUTES_OF_A_DAY)]
_PLACEHOLDERS = {"study_instance_uid", "accession_number"}


class WorklistSettings(WebPlace):
    """The page that radiologists look at."""

    enabled: bool
    max_wait_minutes: Annotated[int, Field(ge=0, le=7 * _MINUTES_OF_A_DAY)]
    claim_minutes: Annotated[int, Field(ge=0, le=7 * _MINUTES_OF_A_DAY)]
    rows_a_page: Annotated[int, Field(gt=0, le=500)]
    psi_alarm: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    expected_pneumonia_share: Annotated[float, Field(ge=0, le=1)]
    idle_minutes: Minutes
    session_minutes: Minutes
    sign_in_attempts: Annotated[int, Field(gt=0, le=1000)]
    api_requests_a_minute: Annotated[int, Field(gt=0, le=100_000)]
    viewer_url: str
    oidc: OidcSettings

    @field_validator("viewer_url")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if not value:
            return value
        if not value.startswith(("https://", "http://")):
            message = "must begin with https:// or http://"
            raise ValueError(message)
        try:
            value.format(**dict.fromkeys(_PLACEHOLDERS, ""))
        except (KeyError, IndexError, ValueError):
            message = f"may hold {' and '.join('{' + name + '}' for name in sorted(_PLACEHOLDERS))} in braces, no other"
            raise ValueError(message) from None
        return value
