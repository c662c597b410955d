"""The gateway: attempts in, events out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

from ictcore.spec import (
    Attempt,
    Event,
    Gateway,
    GatewayContext,
    GatewayMisconfigured,
    GatewayThrottled,
    GatewayUnavailable,
    Health,
    NotSubmitted,
    Reconciliation,
    Sink,
    Trunk,
    utc_now,
)
from ictcore_gateway_smtp.assemble import build_pool
from ictcore_gateway_smtp.listener import Listener
from ictcore_gateway_smtp.provider import PROVIDER_TYPE
from ictcore_gateway_smtp.wire.loop import Loop
from ictcore_gateway_smtp.wire.pool import Pool

log = logging.getLogger(__name__)

LEAST: Final = 4
MOST: Final = 128
"""Attempts taken per connection: enough for a connection never to wait for the dispatcher, and no more, because after a
crash nobody knows of those that waited here whether they left."""
NOTHING_LEFT: Final = (GatewayUnavailable, GatewayThrottled, GatewayMisconfigured)
"""After these the dispatcher may submit the same id again."""
REMEMBERED: Final = 100_000
"""Finished attempts whose ids are kept, so that one that comes again is not sent again."""


class SmtpGateway(Gateway):
    """E-mail by SMTP over one loop for all providers, and mail in by a listener."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._settings = context.settings
        self._trunks: dict[int, tuple[Trunk, Pool]] = {}
        self._retired: list[Pool] = []
        self._open: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._events: list[Event] = []
        self._inbox: list[Attempt] = []
        self._lock = threading.Lock()
        self._sink: Sink | None = None
        self._loop = Loop("smtp-gateway", self._turn)
        self._listener: Listener | None = None
        self._pace = 0
        self._settled = 0
        self._stopping = False
        self._stopped = False
        self._deadline = 0.0

    def provision(self, trunks: Sequence[Trunk]) -> None:
        wrong = []
        wanted: dict[int, tuple[Trunk, Pool]] = {}
        for trunk in trunks:
            if trunk.type != PROVIDER_TYPE.name:
                continue
            known = self._trunks.get(trunk.id)
            if known is not None and known[0] == trunk:
                wanted[trunk.id] = known
                continue
            try:
                pool = build_pool(trunk, self._context, self._loop, self._report)
            except GatewayMisconfigured as error:
                wrong.append(error.message)
            else:
                wanted[trunk.id] = (trunk, pool)
        kept = [pool for _, pool in wanted.values()]
        retired = [pool for _, pool in self._trunks.values() if pool not in kept]
        self._trunks = wanted
        self._loop.call(lambda: self._retire(retired))
        if wrong:
            raise GatewayMisconfigured("; ".join(wrong))

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._loop.start()
        port = self._settings["smtp.listen_port"]
        if port:
            self._listener = Listener(self._settings, sink)
            self._listener.start()

    def room(self) -> int:
        if self._stopping:
            return 0
        usable = [pool for _, pool in self._trunks.values() if pool.proven]
        connections = sum(pool.settings.connections for pool in usable)
        limit = min(MOST * connections, max(LEAST * connections, self._pace))
        return max(0, limit - len(self._open))

    def submit(self, attempts: Sequence[Attempt]) -> None:
        if self._stopping:
            self._refuse(attempts)
            return
        known, done = self._open, self._done
        fresh = []
        with self._lock:
            for attempt in attempts:
                # The same id with a higher number of tries is the core's own decision to send it again.
                if attempt.id not in known and done.get(attempt.id, 0) < attempt.tries:
                    known[attempt.id] = attempt.tries
                    fresh.append(attempt)
            self._inbox += fresh
        self._loop.wake()

    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        # SMTP has no question "did you take this message?": only a report or a bounce can tell.
        return Reconciliation()

    def health(self) -> Sequence[Health]:
        found = []
        for trunk, pool in tuple(self._trunks.values()):
            if pool.fault is not None:
                fault = pool.fault.message
            else:
                fault = "" if pool.proven else "not connected yet"
            detail = {"connections": len(pool.connections), "waiting": len(pool.queue), "accepted": pool.accepted_count}
            found.append(Health(f"smtp relay {trunk.name}", fault, detail))
        if self._listener is not None:
            found.append(self._listener.health())
        return found

    def stop(self, timeout: float) -> None:
        if self._stopped:
            return
        self._stopped = True
        end = time.monotonic() + timeout
        self._stopping = True
        if self._listener is not None:
            self._listener.stop(timeout / 2)
        if self._sink is not None:
            self._deadline = end - min(0.5, timeout / 4)
            self._loop.call(self._begin_stop)
            if not self._loop.join(max(1.0, end - time.monotonic())):
                log.error("the mail loop did not end in time")
                return
        self._loop.close()

    # In the loop's thread

    def _turn(self, now: float, tick: bool) -> None:
        if self._inbox:
            with self._lock:
                inbox, self._inbox = self._inbox, []
            for attempt in inbox:
                self._hand_over(attempt)
        if tick:
            # What was settled since the last tick tells how many can be under way at this server's speed.
            self._pace = max(2 * self._settled, self._pace * 3 // 4)
            self._settled = 0
        for _, pool in self._trunks.values():
            if tick or pool.queue:
                pool.turn(now, tick)
        if self._retired:
            self._watch_retired(now, tick)
        if self._stopping and self._deadline:
            self._go_on_stopping(now)
        if self._events:
            self._hand_in()

    def _hand_in(self) -> None:
        assert self._sink is not None
        events, self._events = self._events, []
        self._settled += len(events)
        try:
            self._sink.put(events)
        except Exception:
            log.exception("the sink refused events; they are kept")
            self._events = events + self._events

    def _hand_over(self, attempt: Attempt) -> None:
        known = self._trunks.get(attempt.trunk)
        if known is not None:
            known[1].queue.append(attempt)
        else:
            error = GatewayUnavailable("the gateway is stopping" if self._stopping else "the provider is gone")
            self._report(NotSubmitted(attempt_id=attempt.id, at=utc_now(), error=error))

    def _report(self, event: Event) -> None:
        attempt_id = event.attempt_id  # type: ignore[union-attr]
        tries = self._open.pop(attempt_id, 0)
        if not isinstance(event, NotSubmitted) or not isinstance(event.error, NOTHING_LEFT):
            self._done[attempt_id] = tries
            if len(self._done) > REMEMBERED:
                del self._done[next(iter(self._done))]
        self._events.append(event)

    def _retire(self, pools: Sequence[Pool]) -> None:
        for pool in pools:
            pool.drain()
            self._retired.append(pool)

    def _watch_retired(self, now: float, tick: bool) -> None:
        for pool in tuple(self._retired):
            pool.turn(now, tick)
            if not pool.connections:
                self._retired.remove(pool)

    def _begin_stop(self) -> None:
        self._retire([pool for _, pool in self._trunks.values()])
        self._trunks = {}

    def _go_on_stopping(self, now: float) -> None:
        if now >= self._deadline:
            for pool in self._retired:
                pool.close()
            self._retired.clear()
        if not self._retired and not self._trunks:
            self._loop.end()

    def _refuse(self, attempts: Sequence[Attempt]) -> None:
        error = GatewayUnavailable("the gateway is stopping")
        if self._sink is not None and attempts:
            self._sink.put([NotSubmitted(attempt_id=attempt.id, at=utc_now(), error=error) for attempt in attempts])
