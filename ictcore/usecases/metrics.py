"""Numbers for monitoring: read from the database and from what the dispatchers have counted. Nothing here scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ictcore.domain.attempt import CLAIMED, QUEUED, SUBMITTED, SUBMITTING, UNCERTAIN
from ictcore.domain.service import NAMES
from ictcore.store import workers
from ictcore.usecases.system import System

COUNT_LIMIT = 100_000
"""Attempts of one state and service are counted up to here: a longer queue must not make monitoring slow."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A running dispatcher and what it has counted since it started."""

    node: str
    name: str
    counters: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading.

    :ivar attempts: ``(state, service)`` -> number of attempts that have not ended, at most :data:`COUNT_LIMIT`.
    :ivar oldest: service -> age in seconds of the longest overdue attempt; services without any are missing.
    """

    attempts: Mapping[tuple[str, str], int]
    oldest: Mapping[str, float]
    workers: list[Worker] = field(default_factory=list)


_OPEN = {
    QUEUED: "state = 'queued'",
    CLAIMED: "state = 'claimed' AND worker_id IS NOT NULL",
    SUBMITTING: "state = 'submitting' AND worker_id IS NOT NULL",
    SUBMITTED: "state = 'submitted' AND state IN ('submitted', 'uncertain') AND deadline_at IS NOT NULL",
    UNCERTAIN: "state = 'uncertain' AND state IN ('submitted', 'uncertain') AND deadline_at IS NOT NULL",
}
"""State -> condition, in the words of the partial index that answers it."""


def read(system: System) -> Sample:
    """Take a reading now. Reads only what an index holds, and not more than :data:`COUNT_LIMIT` rows of it.

    :raises StoreUnavailable: the database cannot be used.
    """
    store, now = system.store, system.now()
    attempts: dict[tuple[str, str], int] = {}
    for state, condition in _OPEN.items():
        limited = f"SELECT service_flag FROM spool WHERE {condition} LIMIT {COUNT_LIMIT}"  # noqa: S608
        counted: dict[int, int] = dict(
            store.rows(f"SELECT service_flag, count(*) FROM ({limited}) AS counted GROUP BY service_flag")  # noqa: S608
        )
        for flag, name in NAMES.items():
            attempts[state, name] = int(counted.get(flag, 0))
    oldest: dict[str, float] = {}
    for flag, name in NAMES.items():
        due = store.value(
            "SELECT min(not_before) FROM"  # noqa: S608
            " (SELECT not_before FROM spool WHERE state = 'queued' AND service_flag = ?"
            f" LIMIT {COUNT_LIMIT}) AS counted"
            " WHERE not_before <= ?",
            (flag, now),
        )
        if due is not None:
            oldest[name] = max(0.0, now - due)
    running = [
        Worker(node, name, _numbers(counters)) for _, node, name, _, _, _, counters in workers.running(store, now)
    ]
    return Sample(attempts, oldest, running)


def _numbers(text: str) -> dict[str, float]:
    try:
        found: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}
