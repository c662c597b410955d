"""Where gateways put their events. What is in the sink is not yet safe; what its receipt confirms is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from ictcore.domain.errors import IctError
from ictcore.domain.event import Event


class Refusal(IctError):
    """Nobody here takes this inbound message: tell the far side so, and do not keep it.

    :ivar cause: ``unallocated`` (no route or account for that number or address), ``forbidden`` or ``content``.
    """

    code = "refused"

    def __init__(self, message: str = "", *, cause: str = "unallocated") -> None:
        super().__init__(message)
        self.cause = cause


class Receipt:
    """The promise for one batch of events. Confirmed once they are committed; only then tell the far side "taken".

    Thread-safe. ``refusals`` has one entry per event of the batch, in its order: ``None`` for a stored event, a
    :class:`Refusal` for an inbound message that nobody takes. It is empty until the receipt is confirmed.
    """

    __slots__ = ("_callbacks", "_event", "_lock", "refusals")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[Receipt], None]] = []
        self._lock = threading.Lock()
        self.refusals: Sequence[Refusal | None] = ()

    def wait(self, timeout: float) -> bool:
        """Block at most ``timeout`` seconds. ``False``: not committed yet; let the far side send it again."""
        return self._event.wait(timeout)

    def then(self, callback: Callable[[Receipt], None]) -> None:
        """Call ``callback(receipt)`` once the events are committed, in the committing thread (at once if they are).

        The callback must not block and must not raise.
        """
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def confirm(self, refusals: Sequence[Refusal | None] = ()) -> None:
        """For the core: the events are committed. Calling it twice changes nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self.refusals = refusals
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


class Sink(Protocol):
    """Takes events from any thread."""

    def put(self, events: Sequence[Event]) -> Receipt:
        """Hand over a batch; returns at once. Order within one attempt is kept.

        Batches are cheap and single events are not: put what one read of a socket brought. Nothing is lost when the
        database is away: the batch waits in memory and its receipt stays unconfirmed.
        """
        ...
