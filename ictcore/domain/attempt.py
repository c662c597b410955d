"""One attempt ("spool") of a transmission: its states, and the one function that moves it from state to state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ictcore.domain import cause as causes
from ictcore.domain.errors import (
    GatewayError,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
)
from ictcore.domain.event import (
    Answered,
    AttemptEvent,
    Delivered,
    Failed,
    NotSubmitted,
    Progress,
    StepDone,
    Submitted,
)

QUEUED: Final = "queued"
"""Waits for a dispatcher, or for its time."""
CLAIMED: Final = "claimed"
"""A dispatcher holds it; nothing has left. After a crash it goes back to the queue."""
SUBMITTING: Final = "submitting"
"""Committed before the first byte leaves: from here on it may have gone out."""
SUBMITTED: Final = "submitted"
"""The far side took it; its report is awaited."""
COMPLETED: Final = "completed"
FAILED: Final = "failed"
UNCERTAIN: Final = "uncertain"
"""It may have gone out and nobody knows. Never sent again by itself; settled by a late event, an operator or time."""

STATES: Final = (QUEUED, CLAIMED, SUBMITTING, SUBMITTED, COMPLETED, FAILED, UNCERTAIN)
FINAL: Final = frozenset({COMPLETED, FAILED})
IN_FLIGHT: Final = frozenset({CLAIMED, SUBMITTING, SUBMITTED})

CONTRACT_STATUS: Final[Mapping[str, str]] = {
    QUEUED: "initiated",
    CLAIMED: "initiated",
    SUBMITTING: "initiated",
    SUBMITTED: "initiated",
    UNCERTAIN: "initiated",
    COMPLETED: "completed",
    FAILED: "failed",
}
"""State -> the spool status that the REST contract knows."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an event does to an attempt; the store writes it.

    :ivar state: the new state, or ``None`` when it stays.
    :ivar requeue_after: seconds to wait before it may be claimed again; only with state ``queued``.
    :ivar failover: the provider that was used should be avoided for now.
    :ivar results: ``(type, name, data)`` rows to keep.
    """

    state: str | None = None
    cause: str | None = None
    response: str | None = None
    vendor_id: str | None = None
    vendor_code: str | None = None
    amount: float | None = None
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    requeue_after: float | None = None
    failover: bool = False
    results: tuple[tuple[str, str, str], ...] = field(default=())

    @property
    def final(self) -> bool:
        """Whether the attempt ends with this change."""
        return self.state == COMPLETED or self.state == FAILED


NOTHING: Final = Change()
"""The event changes nothing: it is repeated, late, or out of order."""

_SENT = frozenset({CLAIMED, SUBMITTING, SUBMITTED, UNCERTAIN})


def apply(state: str, event: AttemptEvent, *, cause: str | None = None) -> Change:
    """What ``event`` changes on an attempt that is in ``state``. Pure; never raises for an odd order.

    :param cause: the cause that the attempt already has. One that failed only because its outcome stayed uncertain is
        still settled by a late final event, and one that was merely handed over can still fail.
    """
    if isinstance(event, Delivered):
        if state == COMPLETED and cause == causes.HANDED_OVER and event.confirmed:
            return Change(cause=causes.NORMAL, vendor_code=event.vendor_code or None, results=_info(event.data))
        if state == COMPLETED or _settled(state, cause):
            return NOTHING
        return Change(
            state=COMPLETED,
            cause=causes.NORMAL if event.confirmed else causes.HANDED_OVER,
            response=event.vendor_code or None,
            vendor_id=event.vendor_id or None,
            vendor_code=event.vendor_code or None,
            amount=event.amount,
            ended_at=event.at,
            results=_info(event.data),
        )
    if isinstance(event, Failed):
        if _settled(state, cause):
            return NOTHING
        return Change(
            state=FAILED,
            cause=event.cause,
            response=event.detail or event.vendor_code or event.cause,
            vendor_code=event.vendor_code or None,
            amount=event.amount,
            ended_at=event.at,
            results=(("error", event.cause, event.detail or event.vendor_code or event.cause), *_info(event.data)),
        )
    if isinstance(event, Submitted):
        if state in (CLAIMED, SUBMITTING, UNCERTAIN):
            return Change(state=SUBMITTED, vendor_id=event.vendor_id or None)
        return NOTHING
    if isinstance(event, NotSubmitted):
        return _not_submitted(state, event.error, event.at) if state in (CLAIMED, SUBMITTING) else NOTHING
    if isinstance(event, StepDone):
        outcome = ("application", event.step, event.outcome)
        return Change(results=(outcome, *_info(event.data)))
    if isinstance(event, Answered):
        return Change(state=_moved(state), connected_at=event.at) if state in _SENT else NOTHING
    if isinstance(event, Progress):
        if state not in _SENT:
            return NOTHING
        return Change(state=_moved(state), response=event.vendor_code or event.name)
    raise TypeError(f"not an event of an attempt: {event!r}")


def _settled(state: str, cause: str | None) -> bool:
    if state == QUEUED:
        return True  # this attempt has not been sent: the event is about nothing that we know
    if state == COMPLETED:
        return cause != causes.HANDED_OVER
    return state == FAILED and cause != causes.UNCERTAIN


def _moved(state: str) -> str | None:
    """Progress of something we were not sure about proves that it was taken."""
    return SUBMITTED if state != SUBMITTED else None


def _info(data: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    return tuple(("info", name, value) for name, value in data.items())


def _not_submitted(state: str, error: GatewayError, at: datetime) -> Change:
    if isinstance(error, GatewayThrottled):
        return Change(state=QUEUED, requeue_after=error.retry_after, response=error.message, failover=True)
    if isinstance(error, (GatewayUnavailable, GatewayMisconfigured)):
        return Change(state=QUEUED, requeue_after=0.0, response=error.message, failover=True)
    if isinstance(error, GatewayRejected):
        return Change(
            state=FAILED,
            cause=error.cause if error.cause in causes.ALL else causes.REJECTED,
            response=error.message,
            vendor_code=error.vendor_code or None,
            ended_at=at,
            results=(("error", error.cause, error.message),),
        )
    if isinstance(error, (GatewayUncertain, GatewayProtocolError)) or state == SUBMITTING:
        return Change(
            state=UNCERTAIN,
            cause=causes.UNCERTAIN,
            response=error.message,
            vendor_code=error.vendor_code or None,
            results=(("error", error.code, error.message),),
        )
    return Change(state=QUEUED, requeue_after=0.0, response=error.message)
