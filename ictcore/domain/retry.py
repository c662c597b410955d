"""Whether, and when, an attempt that failed is followed by another one. Deciding and doing are apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ictcore.domain import cause as causes


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Cause -> seconds until the next attempt; a cause that is not listed is never tried again.

    :ivar growth: each further attempt waits this many times longer.
    :ivar longest: seconds; no delay grows above it.
    """

    delays: Mapping[str, float] = field(default_factory=dict)
    growth: float = 2.0
    longest: float = 6 * 3600.0

    def delay(self, cause: str, tries_done: int, tries_allowed: int) -> float | None:
        """Seconds to wait before the next attempt, or ``None``: there will be none.

        :param tries_done: attempts made so far, the failed one included (at least 1).
        :param tries_allowed: ``try_allowed`` of the transmission.
        """
        first = self.delays.get(cause)
        if first is None or tries_done >= tries_allowed:
            return None
        return min(first * self.growth ** (tries_done - 1), self.longest)


CALLS = RetryPolicy(
    {
        causes.BUSY: 300.0,
        causes.NO_ANSWER: 900.0,
        causes.UNREACHABLE: 1800.0,
        causes.CONGESTION: 60.0,
        causes.TEMPORARY: 120.0,
        causes.PROTOCOL: 300.0,
    }
)
"""For voice and fax: a person may have to come back to the phone."""

MESSAGES = RetryPolicy(
    {
        causes.BUSY: 60.0,
        causes.NO_ANSWER: 300.0,
        causes.UNREACHABLE: 900.0,
        causes.CONGESTION: 60.0,
        causes.TEMPORARY: 60.0,
        causes.EXPIRED: 900.0,
    }
)
"""For SMS and e-mail: nobody is disturbed by an early retry, but the far side is."""
