"""The mistakes in a report that no validator finds, each found by a check of its own."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary

from dicom_gateway.uids import is_valid_uid
from tests.unit.report.builders import named
from tests.unit.report.code_meanings import MEANINGS

#: The unit in which each number of a report stands.
_UNITS = {
    "111012": "%",
    "122411": "%",
    "110910": "{pixels}",
    "110911": "{pixels}",
    "111026": "mm",
    "111066": "mm",
}
_DCM = {(c.value, c.meaning) for name in dictionary.DCM.dir() for c in [getattr(dictionary.DCM, name)]}


@dataclass(frozen=True)
class _Report:
    """A report, with what it must differ from."""

    sr: Dataset
    image_series: frozenset[str]

    def coded(self) -> Iterator[Dataset]:
        """Give every coded entry."""
        for element in self.sr.iterall():
            if element.keyword.endswith("CodeSequence"):
                yield from element.value


def mistakes_in(sr: Dataset, image_series: Collection[str]) -> list[str]:
    """Name the mistakes in a report on images of these series; [] when there is none."""
    report = _Report(sr, frozenset(image_series))
    return [name for name, is_right in _CHECKS.items() if not is_right(report)]


def _tracks(report: _Report) -> bool:
    texts, uids = named(report.sr, "112039"), named(report.sr, "112040")
    return len(texts) == len(uids) == 1 and bool(texts[0].TextValue) and is_valid_uid(uids[0].UID)


def _states_language(report: _Report) -> bool:
    return [item.ConceptCodeSequence[0].CodeValue for item in named(report.sr, "121049")] == ["en-US"]


def _means_what_it_codes(report: _Report) -> bool:
    pinned = (MEANINGS.get((code.CodeValue, code.CodingSchemeDesignator)) for code in report.coded())
    return all(meaning in (None, code.CodeMeaning) for meaning, code in zip(pinned, report.coded(), strict=True))


def _codes_are_known(report: _Report) -> bool:
    unknown = {c.CodeValue for c in report.coded() if (c.CodeValue, c.CodingSchemeDesignator) not in MEANINGS}
    dcm = {c.CodeValue for c in report.coded() if c.CodingSchemeDesignator == "DCM"}
    return not unknown and dcm <= {value for value, _ in _DCM}


def _has_own_series(report: _Report) -> bool:
    return report.sr.SeriesInstanceUID not in report.image_series


def _states_algorithm_version(report: _Report) -> bool:
    versions = named(report.sr, "111003")
    return len(versions) == 1 and bool(versions[0].TextValue)


def _units_are_right(report: _Report) -> bool:
    numbers = [(concept, item) for concept in _UNITS for item in named(report.sr, concept)]
    return all(
        item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == _UNITS[concept]
        for concept, item in numbers
    )


_CHECKS: dict[str, Callable[[_Report], bool]] = {
    "no tracking UID": _tracks,
    "no language": _states_language,
    "wrong code meaning": _means_what_it_codes,
    "unknown code": _codes_are_known,
    "the image's series": _has_own_series,
    "no algorithm version": _states_algorithm_version,
    "wrong unit": _units_are_right,
}
