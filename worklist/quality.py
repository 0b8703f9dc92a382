"""Figures of the service's answers: by day, by version, and against the model card."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from db import quality
from db.events import EventKind
from db.quality import Answer, Word
from db.session import Engine
from domain.distribution import Counts, Reference, Shares, histogram, shares_of, stability_index
from domain.finding import Assessment, RefusalCode
from domain.proportion import Proportion, percentiles
from domain.reading import Verdict

#: Of turnaround.
PERCENTILES = (50, 90, 99)
#: Fewer scored studies say nothing of a distribution: chance alone moves the index of ten bins by about 9 / n.
LEAST_FOR_ALARM = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some answers."""

    volume: int
    #: Suspected, of those that were scored.
    flagged: Proportion
    refusals: Counter[RefusalCode]
    #: Minutes from a study's first image until the first report was sent, and until a reader had read it.
    reported: tuple[float, ...] | None
    read: tuple[float, ...] | None
    #: Of the readers' words that agree or disagree: those that agree; the same where something was suspected.
    agreement: Proportion
    agreement_on_flagged: Proportion
    unsure: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How one version's probabilities are spread, and how far that is from its model card."""

    counts: Counts
    #: None where the model card holds no reference.
    expected: Shares | None
    index: float | None

    @property
    def n(self) -> int:
        """How many were scored."""
        return int(self.counts.sum())

    @property
    def found(self) -> Shares:
        """Share of each bin, as counted."""
        return self.counts / max(1, self.n)

    def alarms(self, limit: float) -> bool:
        """Say whether this is another population than the card's, or another network."""
        return self.index is not None and self.n >= LEAST_FOR_ALARM and self.index > limit


class Quality:
    """What was answered since some time: four queries, whatever the number of studies."""

    def __init__(self, engine: Engine, since: datetime) -> None:
        """Look everything up. Raises StoreUnavailable."""
        self._all = quality.answers(engine, since)
        self._sent = quality.first_moments(engine, since, EventKind.REPORT_SENT)
        self._read = quality.first_moments(engine, since, EventKind.STUDY_READ)
        self._words: dict[int, list[Word]] = defaultdict(list)
        for word in quality.words(engine, since):
            self._words[word.result_id].append(word)

    @property
    def live(self) -> list[Answer]:
        """The answers that count: not those of a shadow version."""
        return [answer for answer in self._all if not answer.is_shadow]

    @property
    def shadows(self) -> list[Answer]:
        """Those of shadow versions."""
        return [answer for answer in self._all if answer.is_shadow]

    def by_day(self) -> dict[str, Figures]:
        """Give the figures of each day of this machine's time, YYYY-MM-DD, the oldest first."""
        return self._by(self.live, lambda answer: answer.created_at.astimezone().date().isoformat())

    def by_version(self) -> dict[str, Figures]:
        """Give the figures of each version that answered."""
        return self._by(self.live, lambda answer: answer.model_version)

    def by_shadow(self) -> dict[str, Figures]:
        """Give the figures of each version that ran in the shadow."""
        return self._by(self.shadows, lambda answer: answer.model_version)

    def _by(self, answers: Iterable[Answer], key: Callable[[Answer], str]) -> dict[str, Figures]:
        found: dict[str, list[Answer]] = defaultdict(list)
        for answer in answers:
            found[key(answer)].append(answer)
        return {name: self.figures(found[name]) for name in sorted(found)}

    def figures(self, answers: Sequence[Answer]) -> Figures:
        """Give the figures of some answers."""
        scored = [answer for answer in answers if answer.probability is not None]
        suspected = [answer for answer in scored if answer.assessment is Assessment.SUSPECTED]
        return Figures(
            volume=len(answers),
            flagged=Proportion(len(suspected), len(scored)),
            refusals=Counter(answer.refusal_code for answer in answers if answer.refusal_code is not None),
            reported=_minutes(answers, self._sent),
            read=_minutes(answers, self._read),
            agreement=self._agreement(answers),
            agreement_on_flagged=self._agreement(suspected),
            unsure=sum(word.verdict is Verdict.UNSURE for answer in answers for word in self._words[answer.result_id]),
        )

    def _agreement(self, answers: Iterable[Answer]) -> Proportion:
        said = Counter(word.verdict for answer in answers for word in self._words[answer.result_id])
        return Proportion(said[Verdict.AGREE], said[Verdict.AGREE] + said[Verdict.DISAGREE])


def _minutes(answers: Iterable[Answer], ends: Mapping[int, datetime]) -> tuple[float, ...] | None:
    """Give percentiles of minutes since arrival, of first revisions alone: late images and reprocessing begin anew."""
    spans = [
        (ends[answer.study_id] - answer.arrived_at).total_seconds() / 60
        for answer in answers
        if answer.revision == 1 and not answer.is_shadow and answer.study_id in ends
    ]
    return percentiles(spans, PERCENTILES)


def spread_of(answers: Iterable[Answer], reference: Reference | None, prevalence: float | None) -> Spread:
    """Hold one version's probabilities against its reference, with so much pneumonia as is expected here."""
    scored = [answer.probability for answer in answers if answer.probability is not None]
    counts = histogram(np.array(scored, np.float64))
    if reference is None:
        return Spread(counts, None, None)
    expected = reference.shares(prevalence)
    return Spread(counts, expected, stability_index(expected, shares_of(counts)) if scored else None)
