"""The dispatcher: takes due attempts from the queue, hands them to gateways, and keeps what gateways report.

One thread owns the database. Each turn is one transaction: apply the events that came, claim the next batch, mark it
``submitting``; only when that is committed are receipts confirmed and attempts handed over.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence

from ictcore.dispatch.claim import Batch, Claimer
from ictcore.dispatch.counters import Counters
from ictcore.dispatch.desk import Desk
from ictcore.dispatch.lease import Lease, LostLease, ticks
from ictcore.dispatch.lines import Lines
from ictcore.dispatch.recovery import Recovery, gateway_finder
from ictcore.dispatch.salvage import one_by_one
from ictcore.dispatch.sink import Batches, QueueSink, confirm
from ictcore.dispatch.upkeep import Upkeep
from ictcore.domain.clock import Clock, epoch, utc_now
from ictcore.domain.errors import StoreUnavailable
from ictcore.domain.event import Event
from ictcore.inbox.accept import Accepted, Inbox
from ictcore.inbox.ledger import Stale
from ictcore.spec.gateway import Gateway, GatewayType, Health
from ictcore.spec.service import ServiceType
from ictcore.spec.settings import Settings
from ictcore.store import queue, workers
from ictcore.store.database import Store
from ictcore.store.wakeup import Wakeup

log = logging.getLogger(__name__)


class Dispatcher:
    """The dispatcher of one node; several may share a node.

    :param services: by name; ``types`` and ``gateways``: gateway types and the gateways made of them, by name.
    :param inbox: what takes the events.
    :param node: name of the node.
    :param committed: called with the events of each committed batch; must not block.
    :param checkpoint: called with the name of each point in an attempt's life; for tests of crashes.
    :ivar sink: where the gateways put their events.
    :ivar counters: what was done since the start; ``upkeep``: the jobs that have their own times (after the start).
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
        self._node = node
        self._settings = settings
        self._clock = clock
        self._committed = committed
        self._checkpoint = checkpoint
        self._chance = chance or random.Random()
        self._batch: int = settings["dispatch.batch"]
        self._backlog: int = settings["dispatch.backlog"]
        self._gather: float = settings["dispatch.gather"]
        self._poll: float = settings["dispatch.poll"]
        self.sink = QueueSink()
        self.counters = Counters()
        self._wakeup = Wakeup(store, self.sink.wake)
        self._stopping = False
        self._fault = ""
        self._away = 0.0
        self._desk: Desk | None = None

    # -- life ---------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until :meth:`stop` is called. Blocks. The gateways are provisioned, started and stopped here."""
        try:
            while not self._stopping and not self._try_to_start():
                self._sleep()
            while not self._stopping:
                self.turn()
                self.wait()
        finally:
            self.finish()

    def stop(self) -> None:
        """End :meth:`run` soon, from any thread or a signal handler. Takes no lock, as a handler must not."""
        self._stopping = True

    def start(self) -> None:
        """Join the node, provision and start the gateways. What dead dispatchers held is taken over in the first turn.

        :raises StoreUnavailable: the database cannot be used; nothing was started.
        """
        store, settings = self._store, self._settings
        node = workers.node_id(store, self._node, epoch(self._clock()))
        lines = Lines(store, self._services, self._types, self._gateways, node)
        lines.refresh()
        lease = Lease(store, node, settings["dispatch.lease"], self._clock)
        self._claimer = Claimer(store, self._services, self._gateways, lines, chance=self._chance)
        parts = (store, self._inbox, self._gateways, settings, self._clock, node, lines, lease)
        desk = Desk(*parts, self.sink, self.counters)
        desk.begin()
        recovery = Recovery(
            store, self._inbox, node=node, lease=settings["dispatch.lease"], clock=self._clock,
            gateway_of=gateway_finder(self._gateways, lines.gateway_of), checkpoint=self._checkpoint,
        )  # fmt: skip
        self.upkeep = Upkeep(desk, recovery)
        self._desk = desk
        for gateway in self._gateways.values():
            gateway.start(self.sink)
        self._wakeup.start()

    def finish(self) -> None:
        """Let gateways finish what is under way, keep their last events, hand back the rest. Calling it twice is
        safe. Blocks at most about the setting ``dispatch.stop_timeout``; leaves no thread."""
        desk = self._desk
        if desk is None:
            return
        until = ticks() + self._settings["dispatch.stop_timeout"]
        for name, gateway in self._gateways.items():
            try:
                gateway.stop(max(0.1, (until - ticks()) / len(self._gateways)))
            except Exception:
                log.exception("the gateway %s did not stop as it should", name)
        while len(self.sink):
            self._turn(desk, claiming=False)
            if self._fault:
                if ticks() > until:
                    log.error("%d events could not be kept: %s", len(self.sink), self._fault)
                    break
                self._sleep()
        self._wakeup.stop()
        self._desk = None
        try:
            with self._store.transaction():
                queue.hand_back(self._store, desk.lease.worker, desk.handed.ids())
            if not desk.handed and not len(self.sink):
                workers.remove(self._store, desk.lease.worker)
        except StoreUnavailable as error:
            log.warning("%s; another dispatcher takes over when the lease ends", error.message)
        self._store.close()

    def health(self) -> list[Health]:
        """How everything is that this dispatcher depends on. Never blocks, never raises; from any thread."""
        desk = self._desk
        return [Health("database", self._fault), *(desk.health() if desk is not None else ())]

    # -- one turn -----------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Do what its time has come for, apply what came, claim and hand over what is due.

        Never raises for a database that is away: :meth:`health` tells, and later turns try again.
        """
        desk = self._desk
        assert desk is not None, "start() comes first"
        try:
            self.upkeep.run()
        except LostLease:
            self._rejoin(desk)
        except StoreUnavailable as error:
            self._lost(desk, error)
            return
        except Exception:
            log.exception("upkeep failed; it is tried again")
        self._turn(desk, claiming=not self._stopping)

    def _turn(self, desk: Desk, *, claiming: bool) -> None:
        batches = self.sink.drain(self._batch)
        events = batches[0][1] if len(batches) == 1 else [event for _, some in batches for event in some]
        claiming = claiming and len(self.sink) < self._backlog
        try:
            accepted, batch = self._transact(desk, events, claiming)
        except Stale:
            desk.memory.clear()
            self.sink.restore(batches)
        except LostLease:
            self.sink.restore(batches)
            self._rejoin(desk)
        except StoreUnavailable as error:
            self.sink.restore(batches)
            self._lost(desk, error)
        except Exception:
            log.exception("a turn with %d events failed; the events are taken one by one", len(events))
            desk.uncertain()
            self._one_by_one(desk, batches)
        else:
            self._well()
            desk.settle(accepted)
            confirm(batches, accepted.refusals)
            if events:
                self._checkpoint("outcome applied")
                self._tell(events)
            if batch is not None:
                self._hand_over(desk, batch)

    def _transact(self, desk: Desk, events: Sequence[Event], claiming: bool) -> tuple[Accepted, Batch | None]:
        """The one transaction of a turn."""
        store, worker = self._store, desk.lease.worker
        accepted, batch = Accepted(), None
        with store.transaction():
            desk.lease.check()
            if desk.doubt:
                queue.hand_back(store, worker, desk.handed.ids())
            if events:
                accepted = self._inbox.apply(events, desk.memory, desk.lines.survives)
                desk.judge(accepted)
                self._checkpoint("outcome written")
            if claiming:
                ledger = self._inbox.ledger(desk.memory)
                batch = self._claimer.claim(ledger, worker, desk.node, self._batch, desk.now())
                ledger.write(store)
                if batch.rows:
                    self._checkpoint("claimed")
        desk.doubt = False
        return accepted, batch

    def _hand_over(self, desk: Desk, batch: Batch) -> None:
        """The batch is committed as ``submitting``: now, and not before, its first byte may leave."""
        desk.blocked = batch.blocked
        desk.look_at = float("inf") if batch.wake is None else batch.wake
        if not batch.rows:
            return
        self._checkpoint("submitting")
        if not desk.lease.safe:
            try:  # this process was stopped for a while: is the batch still ours?
                self.upkeep.publish()
            except LostLease:
                self._rejoin(desk)
                return
            except StoreUnavailable as error:
                self._lost(desk, error)
                return
        desk.look_at = 0.0
        desk.memory.add(batch.rows)
        desk.handed.add(batch.rows, ticks() + self._settings["dispatch.submit_timeout"])
        self.counters.add("submitted", len(batch.rows))
        for name, attempts in batch.handovers.items():
            try:
                self._gateways[name].submit(attempts)
            except Exception:
                log.exception("the gateway %s broke its contract: submit() raised", name)
        self._checkpoint("handed over")

    def _one_by_one(self, desk: Desk, batches: Batches) -> None:
        for number, (receipt, events) in enumerate(batches):
            try:
                refusals = one_by_one(desk, events)
            except StoreUnavailable as error:
                self.sink.restore(batches[number:])
                self._lost(desk, error)
                return
            except LostLease:
                self.sink.restore(batches[number:])
                self._rejoin(desk)
                return
            receipt.confirm(refusals)
            self._tell(events)

    def _tell(self, events: Sequence[Event]) -> None:
        if self._committed is not None:
            try:
                self._committed(events)
            except Exception:
                log.exception("telling of committed events failed")

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait(self) -> None:
        """Block until there is something to do: events, new work, or a time that has come."""
        desk = self._desk
        assert desk is not None, "start() comes first"
        if self._fault:
            self._sleep()
            return
        until = ticks() + min(self._poll, max(0.0, desk.look_at - desk.now()))
        while not len(self.sink):
            left = until - ticks()
            if left <= 0 or self._stopping:
                return
            woken = self.sink.wait(min(left, self._wakeup.interval))
            if not len(self.sink) and (woken or self._wakeup.poll()):
                self._claimer.forget()
                return
        # Let events gather for a moment while more are on their way: a commit costs the same for one and for many.
        waiting = len(self.sink)
        if self._gather and waiting < self._batch // 2 and len(desk.handed) > waiting:
            time.sleep(self._gather)

    def _sleep(self) -> None:
        """Wait before the database is tried again: longer each time, and not much longer than until :meth:`stop`."""
        self._away = min(max(0.05, self._away * 2), 2.0)
        until = ticks() + self._away
        while ticks() < until and not self._stopping:
            time.sleep(0.05)

    # -- bad days -----------------------------------------------------------------------------------------------------

    def _lost(self, desk: Desk | None, error: StoreUnavailable) -> None:
        """The database is away."""
        if not self._fault:
            log.error("%s; events are kept in memory", error.message)
        self._fault = error.message
        if desk is not None:
            desk.uncertain()

    def _well(self) -> None:
        if self._fault:
            log.warning("the database is back; %d events wait", len(self.sink))
            self._fault = ""
            self.upkeep.at_once("publish", "recovery")
        self._away = 0.0

    def _rejoin(self, desk: Desk) -> None:
        """The lease is lost: others have put in order what we held. Begin anew under another worker id."""
        log.warning("the lease was lost; this dispatcher begins anew")
        self.counters.add("leases_lost", 1)
        try:
            with self._store.transaction():
                queue.hand_back(self._store, desk.lease.worker, desk.handed.ids())
                desk.begin()
        except StoreUnavailable as error:
            self._lost(desk, error)

    def _try_to_start(self) -> bool:
        try:
            self.start()
        except StoreUnavailable as error:
            self._lost(None, error)
            return False
        return True
