"""What a dispatcher does now and then, each job at its own times."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ictcore.dispatch.desk import Desk
from ictcore.dispatch.lease import ticks
from ictcore.dispatch.recovery import Recovery
from ictcore.domain.attempt import SUBMITTING
from ictcore.domain.errors import GatewayUncertain, StoreUnavailable
from ictcore.inbox.settle import time_out
from ictcore.store import attempts, queue

SILENT = "the gateway did not say what became of it"


class Upkeep:
    """The jobs of one dispatcher."""

    def __init__(self, desk: Desk, recovery: Recovery) -> None:
        self._desk = desk
        self._recovery = recovery
        lease: float = desk.settings["dispatch.lease"]
        self._jobs: tuple[tuple[str, float, Callable[[], None]], ...] = (
            ("publish", lease / 4, self.publish),
            ("providers", 1.0, self.providers),
            ("recovery", lease / 2, self.recover),
            ("time-outs", 5.0, self.time_outs),
            ("explain", 2.0, self.explain),
        )
        self._due: dict[str, float] = {}

    def run(self) -> None:
        """Do the jobs whose time has come.

        :raises LostLease: others have taken over.
        :raises StoreUnavailable: the database cannot be used; the job is tried again soon.
        """
        for name, interval, job in self._jobs:
            if ticks() < self._due.get(name, 0.0):
                continue
            self._due[name] = ticks() + interval
            try:
                job()
            except StoreUnavailable:
                self._due[name] = 0.0
                raise

    def at_once(self, *names: str) -> None:
        """Let these jobs be due now."""
        for name in names:
            self._due[name] = 0.0

    def publish(self) -> None:
        """Renew the lease, and tell others our health and counters."""
        desk = self._desk
        health = [{"name": item.name, "fault": item.fault, "detail": item.detail} for item in desk.health()]
        desk.lease.renew(_json(health), _json(desk.counters.values()))

    def providers(self) -> None:
        """Use the providers as they are now; what waited for one looks again."""
        desk = self._desk
        risen = desk.lines.risen(desk.now())
        if desk.lines.refresh() or risen:
            queue.reconsider(desk.store, desk.now())
            desk.look_at = 0.0

    def recover(self) -> None:
        """Take over from dispatchers of this node that died."""
        if recovered := self._recovery.run(self._desk.lease.worker):
            self._desk.counters.add("recovered", recovered)
            self._desk.look_at = 0.0

    def time_outs(self) -> None:
        """Reports that did not come in time, and gateways that do not say what became of a submission."""
        desk = self._desk
        desk.counters.add("timed_out", time_out(desk.store, desk.inbox, desk.now()))
        silent = desk.handed.overdue(ticks())
        if not silent:
            return
        with desk.store.transaction():
            ledger = desk.inbox.ledger(desk.memory)
            for row in attempts.load(desk.store, silent):
                if row.worker in desk.memory.mine and row.state == SUBMITTING:
                    ledger.doubt(row, SILENT)
                    if row.provider is not None:
                        desk.fail(row.provider, GatewayUncertain(SILENT))
            ledger.write(desk.store)
        desk.memory.clear()
        desk.handed.forget(silent)
        desk.counters.add("silent", len(silent))

    def explain(self) -> None:
        """Tell people why what is due is not sent."""
        desk = self._desk
        for flag, reason in desk.blocked.items():
            with desk.store.transaction():
                queue.explain(desk.store, flag, reason, desk.now())


def _json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
