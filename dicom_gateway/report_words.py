"""What a result says in words: the same in every kind of report, and burned into the capture."""

from dicom_gateway import codes
from dicom_gateway.report_content import ReportContent
from dicom_gateway.source_text import printable
from domain.finding import Assessment, OperatingPoint

#: In capitals because it is burned into pictures, where nothing else says so.
BANNER = "AI OUTPUT - NOT FOR DIAGNOSIS"
DISCLAIMER = (
    "Output of an AI algorithm: preliminary, not for diagnosis, for prioritisation only. "
    "The reading physician decides, whatever is said here."
)
HEAT_MAP_SERIES_DESCRIPTION = "AI heat map: pneumonia (not for diagnosis)"
HEAT_MAP_REFERENCE = (
    f"Where the suspicion comes from is painted in the series '{HEAT_MAP_SERIES_DESCRIPTION}'. "
    "It is no outline of disease."
)
FINDING = codes.PNEUMONIA[codes.FindingScheme.SNOMED].meaning
_DIGITS = 2


def statement(content: ReportContent) -> str:
    """Give the result, its numbers and what follows from it in one or two sentences."""
    return f"{finding_words(content)}. Reading priority {content.reading_priority}."


def finding_words(content: ReportContent) -> str:
    """Give the result with its numbers, without a full stop."""
    if content.probability is None or content.operating_point is None:
        return printable(f"{FINDING} undetermined: not analysed, because {content.refusal}")
    shown, limit = distinct_percentages(content.probability, content.operating_point.threshold)
    if content.assessment is Assessment.SUSPECTED:
        return f"{FINDING} suspected: probability {shown:.10g} %, at or above the threshold of {limit:.10g} %"
    return (
        f"{FINDING} not detected: probability {shown:.10g} %, below the threshold of {limit:.10g} %, "
        "which does not exclude it"
    )


def operating_point_words(point: OperatingPoint | None) -> str:
    """Name an operating point with what was measured at it; "" for none."""
    if point is None:
        return ""
    return printable(
        f"Operating point {point.name}: threshold {point.threshold:.4g}, sensitivity {point.sensitivity:.4g}, "
        f"specificity {point.specificity:.4g}, measured on {point.measured_on}"
    )


def algorithm_parameters(content: ReportContent) -> list[str]:
    """List what else defines the algorithm's output."""
    texts = [printable(content.algorithm_parameters), operating_point_words(content.operating_point)]
    return [text for text in texts if text]


def distinct_percentages(probability: float, threshold: float) -> tuple[float, float]:
    """Give both in percent, rounded unless that would make a probability just below the threshold look equal."""
    exact = (100 * float(probability), 100 * float(threshold))
    rounded = (round(exact[0], _DIGITS), round(exact[1], _DIGITS))
    same_side = (rounded[0] >= rounded[1]) == (probability >= threshold)
    return rounded if same_side else exact
