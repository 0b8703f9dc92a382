"""Services that the listener offers beside storage, and who may use them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pynetdicom import evt
from pynetdicom.presentation import PresentationContext


@dataclass(frozen=True, slots=True)
class OfferedService:
    """One service: its presentation contexts, and pynetdicom's events with what answers them."""

    contexts: Sequence[PresentationContext]
    handlers: Sequence[tuple[evt.InterventionEvent, Callable[[evt.Event], Any]]]
    #: Who may use it; empty: every admitted calling AE.
    calling_ae_titles: tuple[str, ...] = ()

    def serves(self, calling_ae_title: str) -> bool:
        """Say whether this peer may use it."""
        return not self.calling_ae_titles or calling_ae_title.strip() in self.calling_ae_titles

    @property
    def sop_classes(self) -> frozenset[str]:
        """The abstract syntaxes."""
        return frozenset(str(context.abstract_syntax) for context in self.contexts)


def dispatching(services: Sequence[OfferedService]) -> list[tuple[evt.InterventionEvent, Callable[[evt.Event], Any]]]:
    """Give one handler for each event: pynetdicom takes one only, and services share the events of DIMSE-N."""
    table: dict[evt.InterventionEvent, dict[str, Callable[[evt.Event], Any]]] = {}
    for service in services:
        for event, handler in service.handlers:
            table.setdefault(event, {}).update(dict.fromkeys(service.sop_classes, handler))
    return [(event, _Dispatch(by_sop_class)) for event, by_sop_class in table.items()]


class _Dispatch:
    """Calls the handler that belongs to the presentation context of a request."""

    def __init__(self, by_sop_class: dict[str, Callable[[evt.Event], Any]]) -> None:
        self._by_sop_class = by_sop_class

    def __call__(self, event: evt.Event) -> Any:  # noqa: ANN401 - status, status and data set, or a generator of them
        return self._by_sop_class[str(event.context.abstract_syntax)](event)
