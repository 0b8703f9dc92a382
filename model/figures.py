"""What an evaluation measures, as the model card keeps it and as `model evaluate --json` prints it."""

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Confusion(_Frozen):
    """Counts of images: t(rue) or f(alse), p(ositive) or n(egative); positive is pneumonia."""

    tp: int = Field(ge=0)
    fp: int = Field(ge=0)
    tn: int = Field(ge=0)
    fn: int = Field(ge=0)


class Rates(_Frozen):
    """What depends on the threshold. None where it is 0 / 0, for example precision without a positive."""

    #: Probability at or above which an image counts as positive.
    threshold: float = Field(ge=0.0, le=1.0)
    accuracy: float = Field(ge=0.0, le=1.0)
    precision: float | None = Field(ge=0.0, le=1.0)
    #: Of pneumonia: sensitivity.
    recall: float | None = Field(ge=0.0, le=1.0)
    specificity: float | None = Field(ge=0.0, le=1.0)
    f1: float | None = Field(ge=0.0, le=1.0)
    confusion: Confusion


class Figures(Rates):
    """One evaluation of the live path; its own rates are those at 0.5, calibrated."""

    #: What was measured on, in words.
    data_set: str = Field(min_length=1)
    #: Images scored.
    n: int = Field(ge=1)
    #: Images refused before the network; they are in none of the other figures.
    refused: int = Field(ge=0)
    #: None when the data set holds one class only.
    roc_auc: float | None = Field(ge=0.0, le=1.0)
    #: Average precision; None when the data set holds one class only.
    pr_auc: float | None = Field(ge=0.0, le=1.0)
    brier: float = Field(ge=0.0, le=1.0)
    #: Expected calibration error of the probability of pneumonia, ten bins of equal width.
    ece: float = Field(ge=0.0, le=1.0)
    #: Rates at each operating point of the card, by its name.
    operating_points: dict[str, Rates]
