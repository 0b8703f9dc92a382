"""Who was shown which studies on the list: on record, once for each study that a session sees anew."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from db import worklist
from db.session import Engine
from db.worklist import Row
from domain.clock import utc_now
from worklist.access import Visitor

#: Sessions that are remembered; of one that is forgotten some studies are noted again.
_SESSIONS = 1000


class ListViews:
    """Remembers what each session has been shown, so that a list that renews itself notes only what is new on it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._shown: OrderedDict[str, frozenset[int]] = OrderedDict()

    def note(self, visitor: Visitor, rows: Sequence[Row], *, is_renewal: bool, page: int, searched: bool) -> None:
        """Note a look at the list; what was searched for is left out, for it may be a name. Raises StoreUnavailable."""
        ids = frozenset(row.study.id for row in rows)
        before = self._swap(visitor.form_token, ids, is_renewal=is_renewal)
        new = ids - before if is_renewal else ids
        if new or not is_renewal:
            detail = {"page": page, "searched": searched}
            worklist.view_list(self._engine, sorted(new), visitor.account.name, utc_now(), **detail)

    def _swap(self, session: str, ids: frozenset[int], *, is_renewal: bool) -> frozenset[int]:
        """Keep what a session sees, with what it saw before where the page stays; give what it saw."""
        with self._lock:
            before = self._shown.pop(session, frozenset())
            self._shown[session] = before | ids if is_renewal else ids
            if len(self._shown) > _SESSIONS:
                self._shown.popitem(last=False)
        return before
