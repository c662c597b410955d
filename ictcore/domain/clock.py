"""Time as the domain sees it: aware UTC datetimes outside, epoch seconds (float) in the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns now as an aware UTC datetime."""


def utc_now() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def epoch(moment: datetime) -> float:
    """Seconds since 1970-01-01 UTC. A naive datetime is refused: its zone would be a guess.

    :raises ValueError: ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time zone aware datetime is required")
    return moment.timestamp()


def from_epoch(seconds: float) -> datetime:
    """The aware UTC datetime of ``seconds`` since 1970-01-01 UTC."""
    return datetime.fromtimestamp(seconds, UTC)
