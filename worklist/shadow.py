"""A shadow version beside the active one: what `model compare-live` prints and the page of quality shows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from db import results
from db.session import Engine
from db.tables import Result, Study
from domain.finding import Assessment

#: Studies listed where two versions disagree most.
_MOST_DIFFERENT = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the active and the shadow version agree on live studies."""

    active: str
    shadow: str
    n: int
    both_suspected: int
    only_active_suspected: int
    only_shadow_suspected: int
    neither_suspected: int
    mean_absolute_difference: float
    #: Study Instance UIDs where the probabilities differ most, with both.
    most_different: list[tuple[str, float, float]]


def comparisons(engine: Engine, since: datetime | None) -> list[Comparison]:
    """Compare each pair of versions that read the same revisions since then."""
    by_versions: dict[tuple[str, str], list[tuple[Study, Result, Result]]] = defaultdict(list)
    for pair in results.with_shadows(engine, since):
        by_versions[pair[1].model_version, pair[2].model_version].append(pair)
    return [_compare(*versions, found) for versions, found in sorted(by_versions.items())]


def _compare(active: str, shadow_version: str, pairs: Sequence[tuple[Study, Result, Result]]) -> Comparison:
    said = [(a.assessment is Assessment.SUSPECTED, s.assessment is Assessment.SUSPECTED) for _, a, s in pairs]
    # A pair exists only where an image was scored, so both have a probability.
    scored = [(study.study_instance_uid, a.probability or 0.0, s.probability or 0.0) for study, a, s in pairs]
    differences = np.array([abs(a - s) for _, a, s in scored])
    order = np.argsort(-differences)[:_MOST_DIFFERENT]
    return Comparison(
        active=active,
        shadow=shadow_version,
        n=len(pairs),
        both_suspected=said.count((True, True)),
        only_active_suspected=said.count((True, False)),
        only_shadow_suspected=said.count((False, True)),
        neither_suspected=said.count((False, False)),
        mean_absolute_difference=float(differences.mean()),
        most_different=[scored[i] for i in order],
    )
