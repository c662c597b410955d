"""Where gateways put their events: a queue in memory, emptied by the dispatcher's thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from ictcore.domain.event import Event
from ictcore.spec.sink import Receipt, Refusal

Batches = list[tuple[Receipt, Sequence[Event]]]


class QueueSink:
    """A :class:`~ictcore.spec.sink.Sink` for any number of threads that put, and one that drains."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Receipt, Sequence[Event]]] = deque()
        self._wake = threading.Event()
        self._put = 0
        self._taken = 0
        self._lock = threading.Lock()

    def put(self, events: Sequence[Event]) -> Receipt:
        """Queue a batch; returns at once. Its receipt is confirmed when it is committed."""
        receipt = Receipt()
        with self._lock:
            self._waiting.append((receipt, events))
            self._put += len(events)
        if not self._wake.is_set():
            self._wake.set()
        return receipt

    def __len__(self) -> int:
        """How many events wait."""
        return self._put - self._taken

    def drain(self, limit: int) -> Batches:
        """Take batches out, about ``limit`` events, at least one batch if any waits."""
        taken: Batches = []
        count = 0
        while self._waiting and count < limit:
            batch = self._waiting.popleft()
            count += len(batch[1])
            taken.append(batch)
        self._taken += count
        return taken

    def restore(self, batches: Batches) -> None:
        """Put drained batches back to the front: they could not be committed."""
        self._waiting.extendleft(reversed(batches))
        self._taken -= sum(len(events) for _, events in batches)

    def wake(self) -> None:
        """End a :meth:`wait` from another thread."""
        self._wake.set()

    def wait(self, timeout: float) -> bool:
        """Block until something is put, somebody calls :meth:`wake`, or ``timeout`` seconds have passed.

        :returns: ``False`` after the time.
        """
        woken = self._wake.wait(timeout)
        self._wake.clear()
        return woken


def confirm(batches: Batches, refusals: Sequence[Refusal | None]) -> None:
    """Confirm the receipts of batches whose events were committed; ``refusals`` is for all their events in order."""
    at = 0
    for receipt, events in batches:
        receipt.confirm(refusals[at : at + len(events)])
        at += len(events)
