"""The simulated carrier."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ictcore.spec import (
    FAX,
    SMS,
    VOICE,
    Attempt,
    Delivered,
    Event,
    Failed,
    Gateway,
    GatewayContext,
    GatewayError,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
    Health,
    NotSubmitted,
    Part,
    Progress,
    Receipt,
    Reconciliation,
    Sink,
    Submitted,
    Trunk,
    cause,
    utc_now,
)
from ictcore_gateway_simulator.convert import entry_of, error_of, possible, received
from ictcore_gateway_simulator.journal import Journal, read
from ictcore_gateway_simulator.outcomes import BY_NAME, DELIVERED, LOST, Outcome, choose
from ictcore_gateway_simulator.parts import parts
from ictcore_gateway_simulator.timer import Timer
from ictcore_gateway_simulator.walk import walk

REMEMBERED = 500_000
"""Ids that are remembered, the newest; far more than a dispatcher may hold."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A report that will come: of a whole attempt, or (after a restart) of the little that the journal tells."""

    attempt_id: str
    outcome: Outcome
    attempt: Attempt | None = None


class SimulatorGateway(Gateway):
    """A carrier that keeps its messages to itself; see :mod:`ictcore_gateway_simulator.outcomes`.

    All four services, one thread. What has left is in the journal, if the setting ``simulator.journal`` names one.
    """

    def __init__(self, context: GatewayContext) -> None:
        settings = context.settings
        self._delay: float = settings["simulator.delay"]
        self._late: float = settings["simulator.late"]
        self._jitter: float = settings["simulator.jitter"]
        self._failure_rate: float = settings["simulator.failure_rate"]
        self._capacity: int = settings["simulator.capacity"]
        self._digit: str = settings["simulator.digit"]
        self._answered_by: str = settings["simulator.answered_by"]
        self._random = random.Random(settings["simulator.seed"] or None)
        path: str = settings["simulator.journal"]
        self._journal = Journal(Path(path)) if path else None
        self._timer: Timer[Pending] = Timer(self._report)
        self._sink: Sink | None = None
        self._running = False
        self._trunks: dict[int, Outcome | None] = {}
        self._submissions: dict[str, int] = {}
        self._flaky: set[str] = set()
        self._waiting: dict[str, None] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._repeated = 0
        self._taken = 0
        self._fault = ""

    def provision(self, trunks: Sequence[Trunk]) -> None:
        chosen: dict[int, Outcome | None] = {}
        wrong: list[str] = []
        for trunk in trunks:
            name = trunk.settings.get("outcome") or ""
            if name and name not in BY_NAME:
                wrong.append(trunk.name)
            else:
                chosen[trunk.id] = BY_NAME[name] if name else None
        self._trunks = chosen
        if wrong:
            raise GatewayMisconfigured(f"there is no such outcome, in the provider {', '.join(wrong)}")

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._running = True
        self._timer.start()

    def room(self) -> int:
        return max(0, self._capacity - len(self._waiting)) if self._running else 0

    def submit(self, attempts: Sequence[Attempt]) -> None:
        now, seconds = utc_now(), time.time()
        events: list[Event] = []
        left: list[tuple[Attempt, Outcome]] = []
        with self._lock:
            for attempt in attempts:
                if attempt.id in self._submissions:
                    self._submissions[attempt.id] += 1
                    self._repeated += 1
                    continue
                outcome, error = self._decide(attempt)
                if error is not None and outcome.answer != LOST:
                    events.append(NotSubmitted(attempt_id=attempt.id, at=now, error=error))
                if error is None or not error.retryable:
                    self._submissions[attempt.id] = 1
                if error is None or outcome.answer == LOST:
                    left.append((attempt, outcome))
            while len(self._submissions) > REMEMBERED:
                del self._submissions[next(iter(self._submissions))]
        failed = self._write(left, seconds)
        if failed is not None:
            with self._lock:
                for attempt, _ in left:
                    del self._submissions[attempt.id]
                    events.append(NotSubmitted(attempt_id=attempt.id, at=now, error=failed))
            left = []
        pending: dict[float, list[Pending]] = {}
        for attempt, outcome in left:
            self._taken += 1
            if (lost := error_of(outcome)) is not None:
                events.append(NotSubmitted(attempt_id=attempt.id, at=now, error=lost))
            elif not outcome.early:
                events.append(Submitted(attempt_id=attempt.id, at=now, vendor_id=f"sim{next(self._numbers)}"))
                if attempt.service in (VOICE, FAX):
                    events.append(Progress(attempt_id=attempt.id, at=now, name="ringing"))
            if outcome.reports:
                self._waiting[attempt.id] = None
                pending.setdefault(self._wait(outcome), []).append(Pending(attempt.id, outcome, attempt))
        if events and self._sink is not None:
            self._sink.put(events)
        for wait, reports in pending.items():
            self._timer.add(wait, reports)

    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        """What the journal knows; without one, only of what this process itself has under way."""
        asked = set(attempt_ids)
        pending = {attempt_id for attempt_id in asked if attempt_id in self._waiting}
        if self._journal is None:
            return Reconciliation(pending=frozenset(pending))
        entries = {entry.id: entry for entry in read(self._journal.path) if entry.id in asked}
        events: list[Event] = []
        now, seconds = utc_now(), time.time()
        for attempt_id, entry in entries.items():
            outcome = BY_NAME.get(entry.outcome, DELIVERED)
            if attempt_id in pending or not outcome.reports:
                continue
            due = entry.at + (self._late if outcome.late else self._delay) - seconds
            if due > 0 and self._running:
                self._waiting[attempt_id] = None
                self._timer.add(due, [Pending(attempt_id, outcome)])
                pending.add(attempt_id)
            else:
                events.append(self._end(Pending(attempt_id, outcome), now))
        return Reconciliation(events, frozenset(asked - set(entries) - pending), frozenset(pending))

    def health(self) -> Sequence[Health]:
        detail = {
            "under_way": len(self._waiting),
            "left": self._taken,
            "repeated": self._repeated,
            "unknown_events": 0,
        }
        return [Health("simulator", self._fault, detail)]

    def stop(self, timeout: float) -> None:
        """Report at once all that is pending, and end."""
        self._running = False
        self._timer.stop(timeout)
        if self._journal is not None:
            self._journal.close()

    def submissions(self, attempt_id: str) -> int:
        """How often an id was submitted to this gateway after nothing could keep it from leaving. It left once."""
        return self._submissions.get(attempt_id, 0)

    def receive(
        self,
        service: str,
        *,
        called: str,
        caller: str,
        text: str = "",
        subject: str = "",
        html: str = "",
        files: tuple[Part, ...] = (),
        key: str = "",
    ) -> Receipt:
        """Let a message come in, as if somebody had sent it. Returns at once.

        :param key: the same for a message that comes again; ``""``: a new one.
        :returns: confirmed once the message is kept; its ``refusals`` tell whether somebody takes it.
        """
        if self._sink is None:
            raise GatewayUnavailable("the simulator has not started")
        message = received(
            service, called=called, caller=caller, text=text, subject=subject, html=html, parts=files, key=key
        )
        return self._sink.put([message])

    def _decide(self, attempt: Attempt) -> tuple[Outcome, GatewayError | None]:
        if not self._running:
            return DELIVERED, GatewayUnavailable("the simulator does not run")
        if attempt.trunk not in self._trunks:
            return DELIVERED, GatewayUnavailable("the provider is gone")
        if not possible(attempt.destination):
            return DELIVERED, GatewayRejected("not an address", cause=cause.INVALID_ADDRESS, vendor_code="address")
        outcome = self._trunks[attempt.trunk] or choose(attempt.destination)
        if outcome is DELIVERED and self._failure_rate and self._random.random() < self._failure_rate:
            outcome = BY_NAME["temporary"]
        if outcome.once:
            if attempt.id in self._flaky:
                self._flaky.discard(attempt.id)
                return DELIVERED, None
            self._flaky.add(attempt.id)
        return outcome, error_of(outcome)

    def _wait(self, outcome: Outcome) -> float:
        seconds = self._late if outcome.late else self._delay
        return seconds + self._random.uniform(0.0, self._jitter) if self._jitter else seconds

    def _write(self, left: Sequence[tuple[Attempt, Outcome]], seconds: float) -> GatewayError | None:
        """Note in the journal what is leaving now; the error when it cannot: then it does not leave."""
        if self._journal is None or not left:
            return None
        try:
            self._journal.append([entry_of(attempt, outcome, seconds) for attempt, outcome in left])
        except OSError as error:
            self._fault = f"the journal cannot be written: {error.strerror}"
            return GatewayUnavailable(self._fault)
        self._fault = ""
        return None

    def _report(self, due: Sequence[Pending]) -> None:
        now = utc_now()
        events: list[Event] = []
        for report in due:
            self._waiting.pop(report.attempt_id, None)
            attempt = report.attempt
            if attempt is not None and attempt.service in (VOICE, FAX):
                story = walk(attempt, report.outcome, now, digit=self._digit, answered_by=self._answered_by)
            else:
                story = [self._end(report, now)]
            events += story
            events += story[-1:] * (report.outcome.reports - 1)
            if report.outcome.early:
                events.append(Progress(attempt_id=report.attempt_id, at=now, name="relayed"))
                events.append(Submitted(attempt_id=report.attempt_id, at=now))
        if self._sink is not None:
            self._sink.put(events)

    def _end(self, report: Pending, now: datetime) -> Event:
        outcome, attempt = report.outcome, report.attempt
        if outcome.cause != cause.NORMAL:
            return Failed(attempt_id=report.attempt_id, at=now, cause=outcome.cause, vendor_code=outcome.name)
        text = attempt.plan.first.data.get("text") if attempt is not None and attempt.service == SMS else None
        amount = float(parts(text)) if isinstance(text, str) else None
        return Delivered(attempt_id=report.attempt_id, at=now, vendor_code=outcome.name, amount=amount)
