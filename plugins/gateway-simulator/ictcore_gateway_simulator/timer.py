"""One thread that calls what is due, from one heap, however many are waiting."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Timer(Generic[T]):
    """Hands items to ``due`` in batches, when their time has come, in the order of their times.

    :param due: called in the timer's thread with all items that are due; must not raise.
    """

    def __init__(self, due: Callable[[Sequence[T]], None]) -> None:
        self._due = due
        self._heap: list[tuple[float, int, Sequence[T]]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="simulator-timer", daemon=True)
        self._thread.start()

    def add(self, seconds: float, items: Sequence[T]) -> None:
        """Hand ``items`` over in ``seconds`` from now; one entry of the heap, however many they are."""
        with self._changed:
            heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._count), items))
            if self._heap[0][2] is items:
                self._changed.notify()

    def stop(self, timeout: float) -> None:
        """Hand over at once all that is waiting, and end the thread. Calling it twice is safe."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout)
            self._thread = None

    def _run(self) -> None:
        while True:
            batch: list[T] = []
            with self._changed:
                while not self._stopping and (not self._heap or self._heap[0][0] > time.monotonic()):
                    wait = self._heap[0][0] - time.monotonic() if self._heap else None
                    self._changed.wait(wait)
                now = time.monotonic()
                while self._heap and (self._stopping or self._heap[0][0] <= now):
                    batch.extend(heapq.heappop(self._heap)[2])
                ended = self._stopping and not batch
            if ended:
                return
            if batch:
                self._due(batch)
