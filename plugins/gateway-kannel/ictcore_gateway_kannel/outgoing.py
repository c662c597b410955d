"""One attempt on its way to Kannel, in one or more parts, and what follows when all parts are answered."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ictcore.spec import (
    Delivered,
    Failed,
    GatewayError,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    NotSubmitted,
    Progress,
    Submitted,
    cause,
)

_REMEMBERED: Final = 200_000


Outcome = Submitted | NotSubmitted | Delivered | Failed
"""What the handing over of an attempt ends with."""
Report = Delivered | Failed | Progress
"""What a delivery report says."""


class Outgoing:
    """An attempt whose parts are being handed over. Belongs to the thread of its transport.

    :ivar reports: whether a delivery report will follow; if not, "taken" is the end.
    :ivar left: parts without an answer; ``accepted``: parts that Kannel took.
    :ivar held: reports that overtook the answers, each with the handle to acknowledge it by; they follow the outcome.
    :ivar sent_at: monotonic seconds; when its first byte may have left.
    """

    __slots__ = ("accepted", "error", "held", "id", "left", "reports", "sent_at", "total")

    def __init__(self, attempt_id: str, reports: bool, total: int) -> None:
        self.id = attempt_id
        self.reports = reports
        self.total = self.left = total
        self.accepted = 0
        self.error: GatewayError | None = None
        self.held: list[tuple[Report, object]] | None = None
        self.sent_at = 0.0

    def accept(self, at: datetime) -> Outcome | None:
        """One part was taken. The event when it was the last answer, else ``None``."""
        self.accepted += 1
        self.left -= 1
        return None if self.left else self._outcome(at)

    def refuse(self, error: GatewayError, at: datetime) -> Outcome | None:
        """One part was not taken. The event when it was the last answer, else ``None``."""
        if self.error is None or _weight(error) > _weight(self.error):
            self.error = error
        self.left -= 1
        return None if self.left else self._outcome(at)

    def hold(self, report: Report, handle: object) -> None:
        """Keep a report until the outcome is known."""
        if self.held is None:
            self.held = []
        self.held.append((report, handle))

    def delivered(self, at: datetime) -> Delivered:
        """The end, for a provider without reports: Kannel has it, and nobody will confirm more."""
        return Delivered(attempt_id=self.id, at=at, amount=float(self.total), confirmed=False)

    def _outcome(self, at: datetime) -> Outcome:
        error = self.error
        if error is None:
            return Submitted(attempt_id=self.id, at=at) if self.reports else self.delivered(at)
        if self.accepted and not isinstance(error, (GatewayUncertain, GatewayProtocolError)):
            # Some parts are out, so the attempt may not simply go back to the queue: it has failed, and says why.
            why = error.cause if isinstance(error, GatewayRejected) else cause.TEMPORARY
            detail = f"{self.accepted} of {self.total} parts were taken: {error.message}"
            return Failed(attempt_id=self.id, at=at, cause=why, vendor_code=error.vendor_code, detail=detail)
        return NotSubmitted(attempt_id=self.id, at=at, error=error)


def _weight(error: GatewayError) -> int:
    if isinstance(error, (GatewayUncertain, GatewayProtocolError)):
        return 3
    if isinstance(error, GatewayRejected):
        return 2
    return 1 if isinstance(error, GatewayThrottled) else 0


class Seen:
    """Which attempt ids were taken already, the newest of them: an id is never sent twice."""

    __slots__ = ("_ids", "_most")

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._ids: dict[str, None] = {}
        self._most = most

    def add(self, attempt_id: str) -> bool:
        """Remember the id. ``False``: it was here before."""
        ids = self._ids
        if attempt_id in ids:
            return False
        ids[attempt_id] = None
        if len(ids) > self._most:
            del ids[next(iter(ids))]
        return True

    def forget(self, attempt_id: str) -> None:
        """Nothing of it left: the same id may come again."""
        self._ids.pop(attempt_id, None)


def ends(outcome: Outcome) -> bool:
    """Whether nothing can follow: reports that were held are of no use any more."""
    if isinstance(outcome, NotSubmitted):
        return isinstance(outcome.error, GatewayRejected)
    return isinstance(outcome, (Delivered, Failed))


def gone_back(event: Outcome, seen: Seen) -> None:
    """Let the id come again when ``event`` sends its attempt back to the queue."""
    if isinstance(event, NotSubmitted) and isinstance(
        event.error, (GatewayUnavailable, GatewayThrottled, GatewayMisconfigured)
    ):
        seen.forget(event.attempt_id)
