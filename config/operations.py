"""Settings of the daily operation: how much is received, and for how long it is kept."""

from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from config.section import Section

#: Megabytes (10^6 bytes), fractions allowed.
Megabytes = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]

#: A century.
_LONGEST_DAYS = 36525


class RetentionSettings(Section):
    """How long images are kept after their study was reported."""

    retain_days: Annotated[float, Field(ge=0, le=_LONGEST_DAYS, allow_inf_nan=False)]
    purge_below_free_megabytes: Megabytes
    keep_hours: Annotated[float, Field(ge=0, le=24 * _LONGEST_DAYS, allow_inf_nan=False)]


class BackPressureSettings(Section):
    """When C-STORE is answered with A700, and when instances are accepted again."""

    stop_below_free_megabytes: Megabytes
    accept_above_free_megabytes: Megabytes
    reserve_megabytes: Megabytes
    quota_megabytes: Megabytes
    stop_above_waiting: PositiveInt
    accept_below_waiting: PositiveInt

    @model_validator(mode="after")
    def _marks_are_in_order(self) -> Self:
        problem = ""
        if not self.reserve_megabytes <= self.stop_below_free_megabytes <= self.accept_above_free_megabytes:
            problem = "reserve <= stop_below_free <= accept_above_free is needed (megabytes)"
        elif self.accept_below_waiting > self.stop_above_waiting:
            problem = "accept_below_waiting <= stop_above_waiting is needed"
        elif 0 < self.quota_megabytes <= self.accept_above_free_megabytes:
            problem = "quota_megabytes must exceed accept_above_free_megabytes, or be 0"
        if problem:
            raise ValueError(problem)
        return self
