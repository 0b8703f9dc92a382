"""The patient's age at the study, from either of the two places that a header has for it."""

import datetime as dt
import re

from pydicom.dataset import Dataset

from dicom_gateway.source_items import read_text

_DAYS_PER_YEAR = 365.25
#: AS, PS3.5 6.2: years, months, weeks, days.
_UNITS_IN_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / _DAYS_PER_YEAR, "D": 1 / _DAYS_PER_YEAR}
_AGE = re.compile(r"(\d{1,3})\s*([YMWD])")
#: DA, PS3.5 6.2, and its form before 1993 with dots.
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_DATES_OF_STUDY = ("StudyDate", "AcquisitionDate", "SeriesDate", "ContentDate")
#: Nobody was older; such a value is a default or a mistake.
_OLDEST_YEARS = 125.0


def patient_age_years(ds: Dataset) -> float | None:
    """Give the age in years, or None when neither Patient's Age nor birth and study date say it.

    An age without its unit is not guessed at: "018" may be months or years.
    """
    age = _stated_years(ds)
    if age is None:
        age = _counted_years(ds)
    return age if age is not None and 0 <= age <= _OLDEST_YEARS else None


def _stated_years(ds: Dataset) -> float | None:
    match = _AGE.fullmatch(read_text(ds, "PatientAge"))
    return int(match[1]) * _UNITS_IN_YEARS[match[2]] if match else None


def _counted_years(ds: Dataset) -> float | None:
    birth = _date(ds, "PatientBirthDate")
    studied = next((date for keyword in _DATES_OF_STUDY if (date := _date(ds, keyword))), None)
    return (studied - birth).days / _DAYS_PER_YEAR if birth and studied else None


def _date(ds: Dataset, keyword: str) -> dt.date | None:
    match = _DATE.fullmatch(read_text(ds, keyword))
    try:
        return dt.date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None
