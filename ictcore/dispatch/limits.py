"""Limits of providers, kept over all dispatchers of all machines."""

from __future__ import annotations

from collections.abc import Sequence

from ictcore.dispatch.lines import Line
from ictcore.store import trunks
from ictcore.store.database import Store

CONCURRENT_PAUSE = 0.1
"""Seconds until a provider that carries all that it may is looked at again; our own ends are noticed at once."""


class Limits:
    """Keeps the limits of one batch: :meth:`open` locks the providers' shared rows, :meth:`close` writes what was used.

    The locks are held until the transaction ends, so two dispatchers never both count the same room. Only providers
    with a limit are touched.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[int, tuple[float, int]] = {}
        self._used: dict[int, int] = {}

    def open(self, lines: Sequence[Line], now: float) -> dict[int, tuple[float, str]]:
        """Lower ``capacity`` of each line to what its limits leave.

        :returns: for each line that has no room left: when to look again (epoch seconds), and why.
        """
        self._open.clear()
        self._used.clear()
        waits: dict[int, tuple[float, str]] = {}
        for line in sorted(lines, key=lambda line: line.row.id):  # always in this order: no deadlocks
            row = line.row
            rate, most = row.per_second, row.concurrent
            tokens = trunks.lock_bucket(self._store, row.id, max(rate, 0.0), burst(rate), now)
            carried = trunks.under_way(self._store, row.id) if most > 0 else 0
            self._open[row.id] = (tokens, carried)
            if rate > 0:
                line.capacity = min(line.capacity, int(tokens + 1e-9))
                if line.capacity <= 0:
                    reason = f"provider {row.name} has reached its limit of {rate:g} per second"
                    waits[row.id] = (now + max(0.005, (1.0 - tokens) / rate), reason)
            if most > 0:
                line.capacity = min(line.capacity, max(0, most - carried))
                if carried >= most:
                    reason = f"provider {row.name} carries {carried} of at most {most} at once"
                    waits[row.id] = (now + CONCURRENT_PAUSE, reason)
        return waits

    def use(self, provider: int, count: int) -> None:
        """``count`` attempts leave by a provider (one without limits is ignored)."""
        if provider in self._open:
            self._used[provider] = self._used.get(provider, 0) + count

    def close(self, now: float) -> None:
        """Write what was used: one statement for each provider that was used and has a limit."""
        for provider, count in self._used.items():
            tokens, carried = self._open[provider]
            trunks.drain_bucket(self._store, provider, max(0.0, tokens - count), carried + count, now)
        self._open.clear()
        self._used.clear()


def burst(rate: float) -> float:
    """How many tokens a bucket holds: one, and a quarter of a second's, so that looking a little late loses nothing."""
    return 1.0 + rate / 4.0
