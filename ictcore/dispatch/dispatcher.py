"""The dispatcher: takes due attempts from the queue, hands them to gateways, and keeps what gateways report.

One thread owns the database. Each turn is one transaction: apply the events that came, claim the next batch, mark it
``submitting``; only when that is committed are receipts confirmed and attempts handed over.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ictcore.dispatch.claim import Batch, Claimer
from ictcore.dispatch.counters import Counters
from ictcore.dispatch.handover import Handovers
from ictcore.dispatch.lease import Lease, LostLease, ticks
from ictcore.dispatch.lines import Lines
from ictcore.dispatch.recovery import Recovery, gateway_finder
from ictcore.dispatch.sink import Batch as Events
from ictcore.dispatch.sink import QueueSink, confirm
from ictcore.domain.clock import Clock, epoch, utc_now
from ictcore.domain.errors import GatewayUncertain, StoreUnavailable
from ictcore.domain.event import Event
from ictcore.inbox.accept import Accepted, Inbox
from ictcore.inbox.ledger import Stale
from ictcore.inbox.memory import Memory
from ictcore.inbox.settle import time_out
from ictcore.spec.gateway import Gateway, GatewayType, Health
from ictcore.spec.service import ServiceType
from ictcore.spec.settings import Settings
from ictcore.spec.sink import Refusal
from ictcore.store import queue, workers
from ictcore.store.attempts import load
from ictcore.store.database import Store
from ictcore.store.wakeup import Wakeup

log = logging.getLogger(__name__)


class Dispatcher:
    """The dispatcher of one node; several may share a node.

    :param services: by name; ``types`` and ``gateways``: gateway types and the gateways made of them, by name.
    :param inbox: what takes the events.
    :param node: name of the node.
    :param committed: called with the events of each committed batch; must not raise.
    :param checkpoint: called with the name of each point in an attempt's life; for tests of crashes.
    """

    def __init__(
        self,
        store: Store,
        services: Mapping[str, ServiceType],
        types: Mapping[str, GatewayType],
        gateways: Mapping[str, Gateway],
        inbox: Inbox,
        *,
        node: str,
        settings: Settings,
        clock: Clock = utc_now,
        committed: Callable[[Sequence[Event]], None] | None = None,
        checkpoint: Callable[[str], None] = lambda name: None,
        chance: random.Random | None = None,
    ) -> None:
        self._store = store
        self._services = services
        self._types = types
        self._gateways = gateways
        self._inbox = inbox
        self._node_name = node
        self._settings = settings
        self._clock = clock
        self._committed = committed
        self._checkpoint = checkpoint
        self._chance = chance or random.Random()
        self._batch: int = settings["dispatch.batch"]
        self._gather: float = settings["dispatch.gather"]
        self.sink = QueueSink()
        self.counters = Counters()
        self._memory = Memory()
        self._handed = Handovers()
        self._wakeup = Wakeup(store, self.sink.wake)
        self._stopping = threading.Event()
        self._fault = ""
        self._away = 0.0
        self._doubt = False
        self._look_at = 0.0
        self._due: dict[str, float] = {}
        self._blocked: dict[int, str] = {}
        self._started = False
        self._clean = True

    # -- life ---------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until :meth:`stop` is called. Blocks. The gateways are provisioned, started and stopped here."""
        try:
            while not self._stopping.is_set() and not self._start():
                self._stopping.wait(self._pause())
            while not self._stopping.is_set():
                self.turn()
                self.wait()
        finally:
            self.finish()

    def stop(self) -> None:
        """End :meth:`run`, from any thread or a signal handler. Returns at once."""
        self._stopping.set()
        self.sink.wake()

    def start(self) -> None:
        """Join the node, provision and start the gateways, recover from dead dispatchers.

        :raises StoreUnavailable: the database cannot be used; nothing was started.
        """
        now = epoch(self._clock())
        self._node = workers.node_id(self._store, self._node_name, now)
        self._lines = Lines(self._store, self._services, self._types, self._gateways, self._node)
        self._lines.refresh()
        self._claimer = Claimer(self._store, self._services, self._gateways, self._lines, chance=self._chance)
        lease: float = self._settings["dispatch.lease"]
        self._lease = Lease(self._store, self._node, lease, self._clock)
        self._memory.mine.add(self._lease.begin())
        for gateway in self._gateways.values():
            gateway.start(self.sink)
        self._started = True
        self._recovery = Recovery(
            self._store,
            self._inbox,
            node=self._node,
            lease=lease,
            clock=self._clock,
            gateway_of=gateway_finder(self._gateways, self._gateway_name),
            checkpoint=self._checkpoint,
        )
        self._wakeup.start()

    def finish(self) -> None:
        """Hand claimed attempts back, let gateways finish what is under way, keep their last events. Idempotent."""
        if not self._started:
            return
        self._started = False
        limit: float = self._settings["dispatch.stop_timeout"]
        until = ticks() + limit
        for name, gateway in self._gateways.items():
            try:
                gateway.stop(max(0.1, (until - ticks()) / len(self._gateways)))
            except Exception:
                log.exception("the gateway %s did not stop as it should", name)
        while len(self.sink):
            self._turn(claiming=False)
            if self._fault:
                if ticks() > until:
                    log.error("%d events could not be kept: %s", len(self.sink), self._fault)
                    break
                self._stopping.wait(0.0)
                self.sink.wait(self._pause())
        self._wakeup.stop()
        try:
            with self._store.transaction():
                queue.hand_back(self._store, self._lease.worker, self._handed.ids())
            if not self._handed and not len(self.sink):
                workers.remove(self._store, self._lease.worker)
        except StoreUnavailable as error:
            log.warning("%s; another dispatcher takes over when the lease ends", error.message)

    # -- one turn -----------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Apply what came, claim and hand over what is due, and do what its time has come for. Never raises for a
        database that is away: :meth:`health` tells, and the next turns try again."""
        self._maintain()
        self._turn(claiming=not self._stopping.is_set())

    def _turn(self, *, claiming: bool) -> None:
        events = self.sink.drain(self._batch)
        flat = events[0][1] if len(events) == 1 else [event for _, some in events for event in some]
        backlog: int = self._settings["dispatch.backlog"]
        claiming = claiming and len(self.sink) < backlog
        if not flat and not claiming and not self._doubt:
            confirm(events, ())
            return
        try:
            accepted, batch = self._transact(flat, claiming)
        except Stale:
            self._memory.clear()
            self.sink.restore(events)
            return
        except LostLease:
            self.sink.restore(events)
            self._rejoin()
            return
        except StoreUnavailable as error:
            self.sink.restore(events)
            self._lost(error)
            return
        except Exception:
            log.exception("a batch of %d events cannot be applied; they are taken one by one", len(flat))
            self._memory.clear()
            self._doubt = True
            self._one_by_one(events)
            return
        self._well()
        self._settle(accepted)
        confirm(events, accepted.refusals)
        if flat:
            self._checkpoint("outcome applied")
            self._tell(flat)
        if batch is not None:
            self._hand_over(batch)

    def _transact(self, events: Sequence[Event], claiming: bool) -> tuple[Accepted, Batch | None]:
        """The one transaction of a turn."""
        batch: Batch | None = None
        accepted = Accepted()
        with self._store.transaction():
            self._lease.check()
            if self._doubt:
                queue.hand_back(self._store, self._lease.worker, self._handed.ids())
            if events:
                accepted = self._inbox.apply(events, self._memory, self._lines.survives)
            if claiming:
                now = epoch(self._clock())
                ledger = self._inbox.ledger(self._memory)
                batch = self._claimer.claim(ledger, self._lease.worker, self._node, self._batch, now)
                ledger.write(self._store)
                if batch.rows:
                    self._checkpoint("claimed")
        self._doubt = False
        return accepted, batch

    def _hand_over(self, batch: Batch) -> None:
        """The batch is committed as ``submitting``: now, and not before, its first byte may leave."""
        self._blocked = batch.blocked
        self._look_at = float("inf") if batch.wake is None else batch.wake
        if not batch.rows:
            return
        self._checkpoint("submitting")
        if not self._lease.safe:
            try:  # this process was stopped for a while: is the batch still ours?
                self._publish()
            except (LostLease, StoreUnavailable):
                self._doubt = True
                self._memory.clear()
                return
        self._look_at = 0.0
        self._memory.add(batch.rows)
        self._handed.add(batch.rows, ticks() + self._settings["dispatch.submit_timeout"])
        self.counters.add("submitted", len(batch.rows))
        for name, attempts in batch.handovers.items():
            try:
                self._gateways[name].submit(attempts)
            except Exception:
                log.exception("the gateway %s broke its contract: submit() raised", name)
        self._checkpoint("handed over")

    def _settle(self, accepted: Accepted) -> None:
        """What the committed events say about our own handovers and about the lines."""
        self._handed.forget(accepted.ended)
        for provider in accepted.good:
            if (line := self._lines.by_id.get(provider)) is not None and (line.failures or line.down_until):
                line.succeed()
        if accepted.failures:
            now = epoch(self._clock())
            for provider, error in accepted.failures:
                line = self._lines.by_id.get(provider)
                if line is not None and (error.retryable or provider not in accepted.good):
                    line.fail(error, now)
        self.counters.take(accepted.counts)

    def _tell(self, events: Sequence[Event]) -> None:
        if self._committed is not None:
            try:
                self._committed(events)
            except Exception:
                log.exception("telling of committed events failed")

    def _one_by_one(self, batches: Events) -> None:
        """Find the event that cannot be applied: keep it aside, and all others as usual."""
        for number, batch in enumerate(batches):
            refusals: list[Refusal | None] = []
            for event in batch[1]:
                try:
                    with self._store.transaction():
                        self._lease.check()
                        memory = Memory()
                        memory.mine = self._memory.mine
                        accepted = self._inbox.apply([event], memory, self._lines.survives)
                    self._settle(accepted)
                    refusals += accepted.refusals
                except (StoreUnavailable, LostLease) as error:
                    self.sink.restore(batches[number:])
                    if isinstance(error, StoreUnavailable):
                        self._lost(error)
                    else:
                        self._rejoin()
                    return
                except Exception:
                    log.exception("an event of class %s cannot be applied; it is left out", type(event).__name__)
                    self.counters.add("broken", 1)
                    self._handed.forget([getattr(event, "attempt_id", "")])
                    refusals.append(None)
            batch[0].confirm(refusals)
            self._tell(batch[1])

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait(self) -> None:
        """Block until there is something to do: events, new work, or a time that has come."""
        if self._fault:
            self._stopping.wait(self._pause())
            return
        if len(self.sink):
            self._gather_more()
            return
        poll: float = self._settings["dispatch.poll"]
        until = ticks() + min(poll, max(0.0, self._look_at - epoch(self._clock())))
        while not self._stopping.is_set() and not len(self.sink):
            left = until - ticks()
            if left <= 0:
                return
            if self._wakeup.interval is not None:
                left = min(left, self._wakeup.interval)
            if self.sink.wait(left):
                if not len(self.sink):
                    self._claimer.forget()
                    return
            elif self._wakeup.poll():
                self._claimer.forget()
                return
        self._gather_more()

    def _gather_more(self) -> None:
        """Let events gather for a moment while more are on their way: a commit costs the same for one and for many."""
        waiting = len(self.sink)
        if self._gather and waiting < self._batch // 2 and len(self._handed) > waiting:
            self._stopping.wait(self._gather)

    def _pause(self) -> float:
        self._away = min(max(0.05, self._away * 2), 2.0)
        return self._away

    # -- bad days -----------------------------------------------------------------------------------------------------

    def _lost(self, error: StoreUnavailable) -> None:
        """The database is away: whether the last transaction was committed is not known."""
        if not self._fault:
            log.error("%s; events are kept in memory", error.message)
        self._fault = error.message
        self._memory.clear()
        self._doubt = True

    def _well(self) -> None:
        if self._fault:
            log.warning("the database is back; %d events waited", len(self.sink))
            self._fault = ""
        self._away = 0.0

    def _rejoin(self) -> None:
        """The lease is lost: others have put in order what we held. Begin anew under another worker id."""
        log.warning("the lease was lost; this dispatcher begins anew")
        self._memory.clear()
        self.counters.add("leases_lost", 1)
        try:
            with self._store.transaction():
                queue.hand_back(self._store, self._lease.worker, self._handed.ids())
                self._memory.mine.add(self._lease.begin())
        except StoreUnavailable as error:
            self._lost(error)

    # -- now and then -------------------------------------------------------------------------------------------------

    def _maintain(self) -> None:
        """Jobs that have their own times."""
        lease: float = self._settings["dispatch.lease"]
        for name, interval, job in (
            ("publish", lease / 4, self._publish),
            ("providers", 1.0, self._refresh),
            ("recovery", lease / 2, self._recover),
            ("time-outs", 5.0, self._time_out),
            ("explain", 3.0, self._explain),
        ):
            if ticks() < self._due.get(name, 0.0):
                continue
            self._due[name] = ticks() + interval
            try:
                job()
            except LostLease:
                self._rejoin()
            except StoreUnavailable as error:
                self._due[name] = ticks() + min(interval, 1.0)
                self._lost(error)
                return

    def _publish(self) -> None:
        health = [{"name": item.name, "fault": item.fault, "detail": item.detail} for item in self.health()]
        self._lease.renew(_json(health), _json(self.counters.values()))

    def _refresh(self) -> None:
        if self._lines.refresh():
            queue.reconsider(self._store, epoch(self._clock()))
            self._look_at = 0.0

    def _recover(self) -> None:
        recovered = self._recovery.run(self._lease.worker)
        self.counters.add("recovered", recovered)

    def _time_out(self) -> None:
        self.counters.add("timed_out", time_out(self._store, self._inbox, epoch(self._clock())))
        silent = self._handed.overdue(ticks())
        if not silent:
            return
        with self._store.transaction():
            ledger = self._inbox.ledger(self._memory)
            for row in load(self._store, silent):
                if row.worker in self._memory.mine and row.state == "submitting":
                    ledger.doubt(row, "the gateway did not say what became of it")
                    line = self._lines.by_id.get(row.provider or 0)
                    if line is not None:
                        line.fail(GatewayUncertain("the gateway did not say what became of an attempt"), 0.0)
            ledger.write(self._store)
        self._memory.clear()
        self._handed.forget(silent)
        self.counters.add("silent", len(silent))

    def _explain(self) -> None:
        for flag, reason in self._blocked.items():
            with self._store.transaction():
                queue.explain(self._store, flag, reason, epoch(self._clock()))

    # -- what others see ----------------------------------------------------------------------------------------------

    def health(self) -> list[Health]:
        """How everything is that this dispatcher depends on. Never blocks, never raises; from any thread."""
        found = [Health("database", self._fault)]
        if not self._started:
            return found
        found += self._lines.health(epoch(self._clock()))
        for name, gateway in self._gateways.items():
            try:
                found += gateway.health()
            except Exception as error:
                found.append(Health(name, f"{type(error).__name__} in its health()"))
        return found

    def _start(self) -> bool:
        try:
            self.start()
        except StoreUnavailable as error:
            self._lost(error)
            return False
        return True

    def _gateway_name(self, provider: int) -> str | None:
        line = self._lines.by_id.get(provider)
        return line.gateway if line is not None else None


def _json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
