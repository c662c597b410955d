"""What a batch of events does to attempts: collected in memory, decided by the domain, written in a few statements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ictcore.domain import cause as causes
from ictcore.domain.attempt import COMPLETED, FAILED, QUEUED, SUBMITTED, SUBMITTING, UNCERTAIN, Change, apply
from ictcore.domain.clock import epoch, from_epoch
from ictcore.domain.errors import GatewayError
from ictcore.domain.event import AttemptEvent, Delivered, Failed, NotSubmitted, Submitted
from ictcore.domain.ids import new_attempt_id
from ictcore.domain.plan import ERROR, SUCCESS
from ictcore.domain.service import SEND_STEP
from ictcore.domain.transmission import INBOUND, PROCESSING
from ictcore.spec.service import ServiceType
from ictcore.store import attempts
from ictcore.store.attempts import AttemptRow
from ictcore.store.bulk import clean
from ictcore.store.database import Row, Store

RESEND_DELAY = 60.0
"""Seconds before an uncertain attempt of a service that opted in is sent again; each time twice as long."""

_SAMPLE = Delivered(attempt_id="", at=from_epoch(0.0))
_REACHED: Final = frozenset(state for state in (SUBMITTING, SUBMITTED) if apply(state, _SAMPLE).state == COMPLETED)
_TAKEN: Final = frozenset(
    state
    for state in (SUBMITTING,)
    if apply(state, Submitted(attempt_id="", at=from_epoch(0.0))) == Change(state=SUBMITTED)
)
"""States in which the plain events do just what the short cuts below do: asked of the domain once, at import."""


_ANSWERS: Final = frozenset({Delivered, Failed, Submitted, NotSubmitted})
"""After one of these, the process that submitted the attempt waits for no other word on its submission."""


class Stale(Exception):
    """An attempt is not in the state that was remembered: read it, and do it all again."""


class Ledger:
    """Collects the changes of one transaction.

    :param services: by flag.
    :param now: epoch seconds.
    :param survives: whether reports on attempts of a provider still arrive after a restart; then nobody has to hold
        them. ``None``: not known here, the holder stays.
    :ivar good: providers that have answered a submission.
    :ivar failures: providers that have not taken a submission, with the error.
    :ivar ended: correlation ids that need no more care by the process that submitted them.
    """

    def __init__(
        self,
        services: Mapping[int, ServiceType],
        now: float,
        *,
        uncertain_timeout: float,
        survives: frozenset[int] | None = None,
        mine: frozenset[int] | set[int] = frozenset(),
    ) -> None:
        self._services = services
        self._steps = {flag: SEND_STEP[one.name] for flag, one in services.items() if one.name in SEND_STEP}
        self._now = now
        self._uncertain_timeout = uncertain_timeout
        self._survives = survives or frozenset()
        self._mine = mine
        self._dirty: list[AttemptRow] = []
        self._ends: list[Row] = []
        self._settled: list[Row] = []
        self._results: list[Row] = []
        self.good: set[int] = set()
        self.failures: list[tuple[int, GatewayError]] = []
        self.ended: list[str] = []
        self.ignored = 0
        self.completed = 0
        self.failed = 0
        self.uncertain = 0
        self.requeued = 0
        self.retried = 0

    # -- taking events ------------------------------------------------------------------------------------------------

    def take(self, row: AttemptRow, event: AttemptEvent) -> None:
        """Apply ``event`` to ``row``."""
        kind = type(event)
        if kind in _ANSWERS:
            self.ended.append(row.uuid)
        if kind is Delivered and row.change is None and row.state in _REACHED and not event.data:  # type: ignore[attr-defined]
            self._delivered(row, event)  # type: ignore[arg-type]
            return
        if kind is Submitted and row.change is None and row.state in _TAKEN:
            row.state = SUBMITTED
            row.change = {"vendor_id": clean(event.vendor_id)}  # type: ignore[attr-defined]
            self._dirty.append(row)
            if row.provider is not None:
                self.good.add(row.provider)
            return
        if kind is NotSubmitted:
            self._hear(row, event)  # type: ignore[arg-type]
            if row.worker is None or row.worker not in self._mine:
                self.ignored += 1  # another dispatcher holds it now, or nobody: our word does not count any more
                return
        elif row.state == SUBMITTING and row.provider is not None:
            self.good.add(row.provider)
        self.change(row, apply(row.state, event, cause=row.cause))

    def change(self, row: AttemptRow, change: Change) -> None:
        """Make a change that the domain has decided on."""
        if change.results:
            for type_, name, data in change.results:
                self._results.append((row.id, type_, clean(name), clean(data), self._now))
        fields = {
            name: value
            for name, value in (
                ("cause", change.cause),
                ("response", change.response),
                ("vendor_id", change.vendor_id),
                ("vendor_code", change.vendor_code),
                ("amount", change.amount),
                ("connected", None if change.connected_at is None else epoch(change.connected_at)),
                ("ended", None if change.ended_at is None else epoch(change.ended_at)),
            )
            if value is not None
        }
        state = change.state
        if state is None and not fields and not change.results:
            self.ignored += 1
            return
        if state == QUEUED:
            reason = change.response or ""
            fields = {"not_before": self._now + (change.requeue_after or 0.0), "waiting_for": reason}
            self.requeued += 1
        if row.change is None:
            row.change = {}
            self._dirty.append(row)
        row.change.update(fields)
        if state is not None:
            row.state = state
            if change.final:
                self._step_done(row, SUCCESS if state == COMPLETED else ERROR)
        if change.cause is not None:
            row.cause = change.cause
        if row.state != SUBMITTING:
            self.ended.append(row.uuid)

    def requeue(self, row: AttemptRow, reason: str, delay: float = 0.0) -> None:
        """Put an attempt that has certainly not left back into the queue."""
        self.change(row, Change(state=QUEUED, requeue_after=delay, response=reason))

    def doubt(self, row: AttemptRow, reason: str) -> None:
        """Nobody knows whether this attempt has left, or what became of it."""
        self.change(
            row,
            Change(
                state=UNCERTAIN,
                cause=causes.UNCERTAIN,
                response=reason,
                results=(("error", causes.UNCERTAIN, reason),),
            ),
        )

    def _delivered(self, row: AttemptRow, event: Delivered) -> None:
        """The short cut for what nearly every message comes to. Says what :func:`apply` says (checked at import)."""
        if row.state == SUBMITTING and row.provider is not None:
            self.good.add(row.provider)
        code = event.vendor_code and clean(event.vendor_code)
        at = event.at.timestamp()
        cause = causes.NORMAL if event.confirmed else causes.HANDED_OVER
        self._ends.append(
            (row.id, row.uuid, row.was, COMPLETED, cause, code, code, event.vendor_id and clean(event.vendor_id),
             event.amount, at)
        )  # fmt: skip
        self._settled.append((row.transmission, COMPLETED, code, row.tries, row.started, self._now))
        row.state = row.was = COMPLETED  # for what may follow in this batch: it is written before that
        row.cause = cause
        self._step_done(row, SUCCESS)
        self.completed += 1

    def _step_done(self, row: AttemptRow, outcome: str) -> None:
        """The result of the one step of a message."""
        step = self._steps.get(row.flag)
        if step is not None:
            self._results.append((row.id, "application", step, outcome, self._now))

    def _hear(self, row: AttemptRow, event: NotSubmitted) -> None:
        """What a failed submission says about its provider."""
        if row.provider is None or row.state != SUBMITTING:
            return
        self.failures.append((row.provider, event.error))

    # -- writing ------------------------------------------------------------------------------------------------------

    def write(self, store: Store) -> None:
        """Write everything.

        :raises Stale: an attempt has changed since it was remembered; the transaction must be given up.
        """
        taken: list[Row] = []
        noted: list[Row] = []
        changed: list[Row] = []
        finals: list[AttemptRow] = []
        for row in self._dirty:
            fields = row.change or {}
            if row.state == SUBMITTED and row.was in _TAKEN and fields.keys() == {"vendor_id"}:
                service = self._services.get(row.flag)
                deadline = self._now + (service.report_timeout if service else self._uncertain_timeout)
                taken.append((row.id, row.uuid, row.was, fields["vendor_id"], deadline, self._holder(row)))
            elif row.state == row.was and "ended" not in fields:
                noted.append(
                    (row.id, row.uuid, row.was, fields.get("cause"), _cleaned(fields.get("response")),
                     _cleaned(fields.get("vendor_code")), fields.get("connected"))
                )  # fmt: skip
            else:
                if row.state in (COMPLETED, FAILED):
                    finals.append(row)
                if row.state == UNCERTAIN:
                    self._uncertain(store, row)
                changed.append(self._changed(row))
        corrected = self._finish(store, finals)
        for statement, rows in (
            (attempts.TAKEN, taken),
            (attempts.ENDED, self._ends),
            (attempts.CHANGED, changed),
            (attempts.NOTED, noted),
        ):
            if rows and statement.run(store, rows) != len(rows):
                raise Stale
        attempts.SETTLED.run(store, self._settled)
        attempts.CORRECTED.run(store, corrected)
        attempts.RESULTS.run(store, self._results)
        for row in self._dirty:
            row.was = row.state
            row.change = None

    def _holder(self, row: AttemptRow) -> int | None:
        if row.state == SUBMITTED and (row.provider is None or row.provider not in self._survives):
            return row.worker
        return None

    def _changed(self, row: AttemptRow) -> Row:
        fields: Mapping[str, Any] = row.change or {}
        deadline: float | None = None
        cause = fields.get("cause")
        if row.state == SUBMITTED:
            cause = ""  # it may have been uncertain
            service = self._services.get(row.flag)
            deadline = self._now + (service.report_timeout if service else self._uncertain_timeout)
        elif row.state == UNCERTAIN:
            deadline = self._now + self._uncertain_timeout
        return (
            row.id, row.uuid, row.was, row.state, cause, _cleaned(fields.get("response")),
            _cleaned(fields.get("vendor_id")), _cleaned(fields.get("vendor_code")), fields.get("amount"),
            fields.get("connected"), fields.get("ended"), fields.get("not_before"),
            _cleaned(fields.get("waiting_for", "")), deadline, self._holder(row),
        )  # fmt: skip

    def _uncertain(self, store: Store, row: AttemptRow) -> None:
        """A service may have opted in to sending it again, under the same correlation id."""
        self.uncertain += 1
        service = self._services.get(row.flag)
        if service is None or not service.resend_uncertain or row.was == SUBMITTED:
            return
        made = store.value("SELECT time_spool FROM spool WHERE id = ?", (row.id,))
        if made is None or self._now - made > self._uncertain_timeout:
            return
        # A gateway takes an id again only when it is another try.
        store.run("UPDATE spool SET tries = tries + 1 WHERE id = ?", (row.id,))
        row.tries += 1
        row.state = QUEUED
        delay = RESEND_DELAY * 2.0 ** min(row.tries - 2, 16)
        row.change = {"not_before": self._now + delay, "waiting_for": "it may not have left; it is sent again"}

    def _finish(self, store: Store, finals: list[AttemptRow]) -> list[Row]:
        """Settle the transmissions of attempts that ended; a failure may be followed by another attempt.

        :returns: what corrects an earlier end, to be written after the ends of this batch.
        """
        retries = self._retries(store, finals)
        corrected: list[Row] = []
        again: list[tuple[int, str, float, float]] = []
        for row in finals:
            response = _cleaned((row.change or {}).get("response")) or ""
            if row.state == COMPLETED:
                self.completed += 1
            else:
                self.failed += 1
            if row.was in (COMPLETED, FAILED):
                corrected.append((row.transmission, row.state, response, row.tries, self._now))
                continue
            status = row.state
            delay = retries.get(row.id)
            if delay is not None:
                status = PROCESSING
                again.append((row.id, new_attempt_id(), self._now + delay, self._now))
                self.retried += 1
            self._settled.append((row.transmission, status, response, row.tries, row.started, self._now))
        attempts.repeat(store, again)
        return corrected

    def _retries(self, store: Store, finals: list[AttemptRow]) -> dict[int, float]:
        """Attempt -> seconds until the next one, for those that are followed by one."""
        worth = [
            (row, service)
            for row in finals
            if row.state == FAILED
            and row.was != FAILED
            and (service := self._services.get(row.flag)) is not None
            and row.cause in service.retry.delays
        ]
        if not worth:
            return {}
        allowed = attempts.tries_allowed(store, {row.transmission for row, _ in worth})
        delays: dict[int, float] = {}
        for row, service in worth:
            tries, direction = allowed.get(row.transmission, (0, INBOUND))
            delay = service.retry.delay(row.cause, row.tries, tries)
            if delay is not None and direction != INBOUND:
                delays[row.id] = delay
        return delays


def _cleaned(text: str | None) -> str | None:
    return None if text is None else clean(text)
