"""Heat maps: kept with the result that they explain, so that a picture of one can be made later."""

from dataclasses import dataclass

from sqlalchemy import Engine

from db.session import reading
from db.tables import HeatMap


@dataclass(frozen=True, slots=True)
class NewHeatMap:
    """One heat map as it is kept; see `db.tables.HeatMap`."""

    levels: bytes
    hottest: float
    quarter_turns: int
    inverted: bool

    def row_of(self, result_id: int) -> HeatMap:
        """Give the row that belongs to a result."""
        return HeatMap(
            result_id=result_id,
            levels=self.levels,
            hottest=self.hottest,
            quarter_turns=self.quarter_turns,
            inverted=self.inverted,
        )


def of_result(engine: Engine, result_id: int) -> HeatMap | None:
    """Give the heat map of a result; None when nothing was scored, or none was kept."""
    with reading(engine) as session:
        return session.get(HeatMap, result_id)
