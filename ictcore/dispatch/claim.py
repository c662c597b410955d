"""Making a batch: which due attempts leave now, by which line, and why the others have to wait."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ictcore.dispatch.limits import Limits
from ictcore.dispatch.lines import Line, Lines
from ictcore.dispatch.router import Router
from ictcore.domain import cause as causes
from ictcore.domain.attempt import FAILED, QUEUED, SUBMITTING, Change
from ictcore.domain.clock import from_epoch
from ictcore.inbox.ledger import Ledger
from ictcore.spec.gateway import Attempt, Gateway
from ictcore.spec.service import ServiceType
from ictcore.store import queue
from ictcore.store.attempts import AttemptRow
from ictcore.store.database import Row, Store
from ictcore.store.plans import load_plan

BUSY_PAUSE = 0.2
"""Seconds that an attempt waits whose line has no room, so that those behind it that need another line can go."""
LANES_SEEN = 0.1
"""Seconds that the list of lanes is believed; single sends are looked for every time."""


@dataclass
class Batch:
    """What one claim made.

    :ivar handovers: gateway -> attempts to submit once the transaction is committed.
    :ivar rows: the same attempts as rows to remember.
    :ivar wake: epoch seconds of the next time that a claim may find something, ``None``: not known.
    :ivar blocked: service flag -> why nothing of it can leave now.
    """

    handovers: dict[str, list[Attempt]] = field(default_factory=dict)
    rows: list[AttemptRow] = field(default_factory=list)
    wake: float | None = None
    blocked: dict[int, str] = field(default_factory=dict)

    def again_at(self, time: float) -> None:
        """Look again at ``time`` at the latest."""
        self.wake = time if self.wake is None else min(self.wake, time)


class Claimer:
    """Makes batches for one dispatcher."""

    def __init__(
        self,
        store: Store,
        services: Mapping[str, ServiceType],
        gateways: Mapping[str, Gateway],
        lines: Lines,
        *,
        chance: random.Random,
    ) -> None:
        self._store = store
        self._services = {service.flag: name for name, service in services.items()}
        self._gateways = gateways
        self._lines = lines
        self._limits = Limits(store)
        self._chance = chance
        self._lanes: dict[int, tuple[float, list[int]]] = {}
        self._turn = 0

    def claim(self, ledger: Ledger, worker: int, node: int, count: int, now: float) -> Batch:
        """Claim at most ``count`` attempts, inside the caller's transaction, and mark them as ``submitting``.

        :param ledger: takes attempts that can never be submitted.
        """
        batch = Batch()
        rooms = {name: gateway.room() for name, gateway in self._gateways.items()}
        ill = {name: self._illness(name) for name, room in rooms.items() if room <= 0}
        self._turn += 1
        for flag in self._services:
            if count > len(batch.rows):
                self._service(batch, ledger, flag, rooms, ill, worker, node, count - len(batch.rows), now)
        return batch

    def forget(self) -> None:
        """Look at everything anew: the queue may have changed in any way."""
        self._lanes.clear()

    def _illness(self, name: str) -> str:
        return next((health.fault for health in self._gateways[name].health() if not health.ok), "")

    def _service(
        self, batch: Batch, ledger: Ledger, flag: int, rooms: dict[str, int], ill: Mapping[str, str], worker: int,
        node: int, count: int, now: float,
    ) -> None:  # fmt: skip
        lines = self._lines.by_service.get(flag, [])
        if not lines:
            batch.blocked[flag] = f"no provider for {self._services[flag]}"
            return
        down = {line.row.id: reason for line in lines if (reason := _why_down(line, ill, now))}
        for line in lines:
            if line.down_until > now:
                batch.again_at(line.down_until)
            line.capacity = 0 if line.row.id in down else max(0, rooms[line.gateway])
            if line.failures:
                line.capacity = min(line.capacity, 0 if line.probing else 1)
        if len(down) == len(lines):
            batch.blocked[flag] = next(iter(down.values()))
            return
        waits = self._limits.open([line for line in lines if line.capacity > 0 and line.limited], now)
        for wait in waits.values():
            batch.again_at(wait[0])
        free: dict[str, int] = {}
        for line in lines:
            free[line.gateway] = free.get(line.gateway, 0) + line.capacity
        count = min(count, sum(min(max(0, rooms[name]), amount) for name, amount in free.items()))
        if count <= 0:
            if waits:
                batch.blocked[flag] = next(iter(waits.values()))[1]
            return
        lanes = self._lanes_of(flag, now)
        due = queue.due(self._store, flag, lanes, count, now)
        self._route(batch, ledger, due, Router(lines, set(down), self._chance), rooms, down, waits, worker, node, now)
        self._limits.close(now)
        if len(due) < count:
            self._lanes.pop(flag, None)
            later = queue.next_due(self._store, flag, lanes)
            if later is not None:
                batch.again_at(later)

    def _lanes_of(self, flag: int, now: float) -> list[int]:
        seen, lanes = self._lanes.get(flag, (-1.0, []))
        if not seen <= now <= seen + LANES_SEEN:
            lanes = queue.lanes(self._store, flag)
            self._lanes[flag] = (now, lanes)
        if len(lanes) < 2:
            return lanes if 0 in lanes else [0, *lanes]
        at = self._turn % len(lanes)
        turned = lanes[at:] + lanes[:at]
        return turned if 0 in lanes else [0, *turned]

    def _route(
        self, batch: Batch, ledger: Ledger, due: list[Row], router: Router, rooms: dict[str, int],
        down: Mapping[int, str], waits: Mapping[int, tuple[float, str]], worker: int, node: int, now: float,
    ) -> None:  # fmt: skip
        marks: dict[int, list[int]] = {}
        put_off: list[tuple[int, float, str]] = []
        for id, uuid, transmission, flag, source, destination, text, tries, *_ in due:
            row = AttemptRow(id, uuid, transmission, flag, SUBMITTING, "", tries, None, worker, now)
            try:
                plan = load_plan(text)
            except msgspec.MsgspecError:
                row.state = row.was = QUEUED
                ledger.change(row, _broken(now))
                continue
            line = router.choose(destination)
            if line is None:
                put_off.append((id, *self._later(router.blocker(destination), down, waits, now)))
                continue
            name = line.gateway
            rooms[name] -= 1
            if rooms[name] <= 0:
                for other in self._lines.by_id.values():
                    if other.gateway == name:
                        other.capacity = 0
            row.provider = line.row.id
            line.probing = line.failures > 0
            marks.setdefault(line.row.id, []).append(id)
            batch.rows.append(row)
            prefix = line.prefix
            attempt = Attempt(
                id=uuid,
                service=self._services[flag],
                source=source,
                destination=destination if prefix.plain else prefix.apply(destination),
                trunk=line.row.id,
                plan=plan,
                tries=tries,
            )
            batch.handovers.setdefault(name, []).append(attempt)
        for provider, ids in marks.items():
            queue.mark_submitting(self._store, ids, worker=worker, node=node, provider=provider, now=now)
            self._limits.use(provider, len(ids))
        queue.put_off(self._store, put_off)
        for _, until, _ in put_off:
            batch.again_at(until)

    def _later(
        self, line: Line, down: Mapping[int, str], waits: Mapping[int, tuple[float, str]], now: float
    ) -> tuple[float, str]:
        """When an attempt for a line that cannot take it is looked at again, and why."""
        if line.row.id in down:
            return max(line.down_until, now + 1.0), down[line.row.id]
        if line.row.per_second > 0:
            # Each one gets a time of its own, so that they do not all come back at once.
            line.booked_until = max(line.booked_until, now) + 1.0 / line.row.per_second
            until = min(line.booked_until, now + 60.0)
            return until, f"provider {line.row.name} has reached its limit of {line.row.per_second:g} per second"
        if line.row.id in waits:
            return now + 1.0, waits[line.row.id][1]
        return now + BUSY_PAUSE, f"provider {line.row.name} is busy"


def _why_down(line: Line, ill: Mapping[str, str], now: float) -> str:
    if line.fault:
        return f"provider {line.row.name} is misconfigured: {line.fault}"
    if line.down_until > now:
        return f"provider {line.row.name} is down: {line.reason}"
    if ill.get(line.gateway):
        return f"provider {line.row.name} is down: {ill[line.gateway]}"
    return ""


def _broken(now: float) -> Change:
    reason = "its plan cannot be read"
    return Change(
        state=FAILED,
        cause=causes.INTERNAL,
        response=reason,
        ended_at=from_epoch(now),
        results=(("error", causes.INTERNAL, reason),),
    )
