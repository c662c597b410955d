"""A base for simple gateways: write one blocking function, get the whole contract."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import ClassVar

from ictcore.domain.clock import utc_now
from ictcore.domain.errors import GatewayError, GatewayUnavailable, GatewayUncertain
from ictcore.domain.event import Delivered, Event, Failed, NotSubmitted, Submitted
from ictcore.spec.gateway import Attempt, Gateway, Health, Reconciliation, Trunk
from ictcore.spec.sink import Sink


class BlockingGateway(Gateway):
    """A gateway that sends each attempt with :meth:`send`, in ``workers`` threads.

    Subclasses implement :meth:`send`; everything else has a working default.
    """

    workers: ClassVar[int] = 8
    """Threads, and so the number of attempts under way at once."""

    def __init__(self) -> None:
        self.trunks: dict[int, Trunk] = {}
        self._sink: Sink | None = None
        self._queue: queue.SimpleQueue[Attempt | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._under_way = 0
        self._stopping = False

    def send(self, attempt: Attempt, trunk: Trunk) -> Submitted | Delivered | Failed:
        """Send one attempt and return what the far side said. Blocks at most the gateway's own time limit.

        :raises GatewayUnavailable: nothing was sent; retry, or take another provider.
        :raises GatewayThrottled: nothing was sent; try again after ``retry_after`` seconds.
        :raises GatewayRejected: final; ``vendor_code`` is the far side's own word, unchanged.
        :raises GatewayMisconfigured: the provider's settings are wrong.
        :raises GatewayUncertain: bytes left and no answer came; never resent.
        :raises GatewayProtocolError: the answer made no sense.
        """
        raise NotImplementedError

    def provision(self, trunks: Sequence[Trunk]) -> None:
        self.trunks = {trunk.id: trunk for trunk in trunks}

    def start(self, sink: Sink) -> None:
        self._sink = sink
        for number in range(self.workers):
            thread = threading.Thread(target=self._work, name=f"{type(self).__name__}-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def room(self) -> int:
        return 0 if self._stopping else max(0, 2 * self.workers - self._under_way)

    def submit(self, attempts: Sequence[Attempt]) -> None:
        if self._stopping:
            error = GatewayUnavailable("the gateway is stopping")
            if self._sink is not None:
                self._sink.put([NotSubmitted(attempt_id=one.id, at=utc_now(), error=error) for one in attempts])
            return
        for attempt in attempts:
            with self._lock:
                if self._seen.get(attempt.id, 0) >= attempt.tries:
                    continue
                self._seen[attempt.id] = attempt.tries
                if len(self._seen) > 100_000:
                    del self._seen[next(iter(self._seen))]
                self._under_way += 1
            self._queue.put(attempt)

    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        return Reconciliation()

    def health(self) -> Sequence[Health]:
        return ()

    def stop(self, timeout: float) -> None:
        self._stopping = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout / max(1, len(self._threads)))
        self._threads.clear()

    def _work(self) -> None:
        while (attempt := self._queue.get()) is not None:
            event = self._attempt(attempt)
            with self._lock:
                self._under_way -= 1
                if isinstance(event, NotSubmitted) and event.error.retryable:
                    self._seen.pop(attempt.id, None)  # nothing left: the same id may come again
            if self._sink is not None:
                self._sink.put([event])

    def _attempt(self, attempt: Attempt) -> Event:
        trunk = self.trunks.get(attempt.trunk)
        try:
            if self._stopping:
                raise GatewayUnavailable("the gateway is stopping")
            if trunk is None:
                raise GatewayUnavailable("the provider is gone")
            return self.send(attempt, trunk)
        except GatewayError as error:
            return NotSubmitted(attempt_id=attempt.id, at=utc_now(), error=error)
        except Exception as error:
            wrapped = GatewayUncertain(f"{type(error).__name__} in the gateway")
            wrapped.__cause__ = error
            return NotSubmitted(attempt_id=attempt.id, at=utc_now(), error=wrapped)
