"""When something is to be sent: after a delay, at a time, or at once."""

from __future__ import annotations

from datetime import datetime

from ictcore.domain.clock import epoch
from ictcore.domain.errors import InvalidInput

FARTHEST = 366 * 86400.0
"""Seconds: how far ahead a single message can be scheduled."""


def moment(now: float, *, delay: float | None = None, timestamp: float | None = None, at: str | None = None) -> float:
    """When it is due, in epoch seconds; ``now`` when it was due before.

    :param delay: seconds from now.
    :param timestamp: epoch seconds.
    :param at: ISO 8601 with a time zone, such as ``2031-05-01T09:00:00+02:00``.
    :raises InvalidInput: not exactly one of them is given, or it cannot be used; fields ``schedule…``.
    """
    given = [value for value in (delay, timestamp, at) if value is not None]
    if len(given) != 1:
        raise InvalidInput(fields={"schedule": "give one of delay, timestamp and datetime"})
    if delay is not None:
        name, due = "delay", now + delay
    elif timestamp is not None:
        name, due = "timestamp", float(timestamp)
    else:
        name, due = "datetime", _parsed(at or "")
    if due - now > FARTHEST:
        raise InvalidInput(fields={f"schedule.{name}": "is more than a year ahead"})
    return max(due, now)


def _parsed(text: str) -> float:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            fields={"schedule.datetime": "must be ISO 8601, such as 2031-05-01T09:00:00+02:00"}
        ) from None
    if parsed.tzinfo is None:
        raise InvalidInput(fields={"schedule.datetime": "must have a time zone, such as Z or +02:00"})
    try:
        return epoch(parsed)
    except (OverflowError, ValueError, OSError):
        raise InvalidInput(fields={"schedule.datetime": "is no time that can be waited for"}) from None
