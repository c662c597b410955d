"""Stand-ins for the core: a sink that remembers, settings from a dictionary, a context in a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ictcore.spec import Event, GatewayContext, Receipt, Refusal, Setting


class StaticSettings:
    """Declared settings with their defaults, some of them overridden.

    :raises KeyError: ``values`` names a setting that is not declared.
    """

    def __init__(self, declared: Iterable[Setting], values: Mapping[str, Any] | None = None) -> None:
        self._declared = {setting.key: setting for setting in declared}
        self._values = {key: setting.default for key, setting in self._declared.items()}
        for key, value in (values or {}).items():
            if key not in self._declared:
                raise KeyError(key)
            self._values[key] = value

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def declared(self) -> Sequence[Setting]:
        """Every declared setting."""
        return list(self._declared.values())


class MemorySink:
    """A sink that keeps all events in a list and confirms each batch at once.

    :param refuse: asked for each event; what it returns is the event's refusal (``None``: taken).
    :param hold: keep the receipts unconfirmed until :meth:`confirm_all`, as when the database is away.
    """

    def __init__(self, refuse: Callable[[Event], Refusal | None] | None = None, *, hold: bool = False) -> None:
        self.events: list[Event] = []
        self._refuse = refuse or (lambda event: None)
        self._hold = hold
        self._held: list[tuple[Receipt, Sequence[Event]]] = []
        self._changed = threading.Condition()

    def put(self, events: Sequence[Event]) -> Receipt:
        """Remember ``events``."""
        receipt = Receipt()
        with self._changed:
            self.events.extend(events)
            if self._hold:
                self._held.append((receipt, events))
            self._changed.notify_all()
        if not self._hold:
            receipt.confirm([self._refuse(event) for event in events])
        return receipt

    def confirm_all(self) -> None:
        """Confirm every receipt that is held."""
        with self._changed:
            held, self._held = self._held, []
        for receipt, events in held:
            receipt.confirm([self._refuse(event) for event in events])

    def of(self, attempt_id: str) -> list[Event]:
        """The events of one attempt, in order."""
        with self._changed:
            return [event for event in self.events if getattr(event, "attempt_id", None) == attempt_id]

    def wait_for(self, condition: Callable[[list[Event]], bool], timeout: float = 20.0) -> list[Event]:
        """Block until ``condition(events)`` holds and return a copy of the events.

        :raises AssertionError: it does not hold within ``timeout`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self.events), timeout):
                raise AssertionError(f"not within {timeout} s; events so far: {self.events[-20:]}")
            return list(self.events)


def gateway_context(home: Path, settings: StaticSettings, node: str = "test") -> GatewayContext:
    """A context below the folder ``home``; the folders are made."""
    own, media = home / "gateway", home / "media"
    own.mkdir(parents=True, exist_ok=True)
    media.mkdir(parents=True, exist_ok=True)
    return GatewayContext(node=node, settings=settings, home=own, media=media)
