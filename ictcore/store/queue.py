"""The queue: which attempts are due, fairly over their lanes, and taking them.

A lane is a campaign (its id) or all single sends (0). Everything here runs inside the caller's transaction: on
PostgreSQL due rows are locked and rows that another dispatcher has locked are skipped, on SQLite the transaction holds
the write lock. Times are epoch seconds.
"""

# SQL is put together from constants of this package only; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence

from ictcore.store.bulk import Bulk, among, as_json
from ictcore.store.database import Row, Store

CHANNEL = "ictcore_queue"
"""PostgreSQL's NOTIFY channel."""

_COLUMNS = "id, uuid, transmission_id, service_flag, source, destination, plan, tries, not_before"

_LANES = """
WITH RECURSIVE found(lane) AS (
    SELECT (SELECT min(lane) FROM spool WHERE state = 'queued' AND service_flag = ?)
    UNION ALL
    SELECT (SELECT min(lane) FROM spool WHERE state = 'queued' AND service_flag = ? AND lane > found.lane)
    FROM found WHERE found.lane IS NOT NULL
) SELECT lane FROM found WHERE lane IS NOT NULL
"""

_DUE_SQLITE = f"""
SELECT {_COLUMNS}, lane FROM spool
WHERE state = 'queued' AND service_flag = ? AND lane = ? AND not_before <= ? AND (not_before, id) > (?, ?)
ORDER BY not_before, id LIMIT ?
"""

_DUE_POSTGRES = f"""
SELECT due.* FROM json_to_recordset(?::json) AS v(lane bigint, after double precision, last bigint)
CROSS JOIN LATERAL (
    SELECT {_COLUMNS}, lane FROM spool
    WHERE state = 'queued' AND service_flag = ? AND lane = v.lane AND not_before <= ?
    AND (not_before, id) > (v.after, v.last)
    ORDER BY not_before, id LIMIT ? FOR UPDATE SKIP LOCKED
) AS due
"""

_BEFORE_ALL = (-1.0, 0)


def wake(store: Store) -> None:
    """Tell waiting dispatchers of new work, when the current transaction commits. Nothing to do on SQLite."""
    if not store.is_sqlite:
        store.run(f"NOTIFY {CHANNEL}")


def lanes(store: Store, flag: int) -> list[int]:
    """The lanes that have queued attempts of a service, due or not, in order. Costs one index look-up per lane."""
    return [lane for (lane,) in store.rows(_LANES, (flag, flag))]


def due(store: Store, flag: int, among_lanes: Sequence[int], count: int, now: float) -> list[Row]:
    """Lock and return at most ``count`` due attempts of a service, each lane with an equal share.

    What a lane does not use of its share goes to the others. Within a lane the oldest come first. When there are more
    lanes than ``count``, the first ones in ``among_lanes`` are served: the caller rotates them.

    :returns: rows of id, uuid, transmission_id, service_flag, source, destination, plan, tries, not_before, lane.
    """
    found: list[Row] = []
    open_lanes = dict.fromkeys(among_lanes, _BEFORE_ALL)
    while open_lanes and len(found) < count:
        left = count - len(found)
        share = max(1, left // len(open_lanes))
        chosen = list(open_lanes.items())[:left]
        rows = _take(store, flag, chosen, share, now)
        found += rows
        counts: dict[int, int] = {}
        for row in rows:
            lane = row[9]
            counts[lane] = counts.get(lane, 0) + 1
            open_lanes[lane] = (row[8], row[0])
        for lane, _ in chosen:
            if counts.get(lane, 0) < share:
                del open_lanes[lane]
    return found


def _take(
    store: Store, flag: int, chosen: Sequence[tuple[int, tuple[float, int]]], share: int, now: float
) -> list[Row]:
    if store.is_sqlite:
        rows: list[Row] = []
        for lane, (after, last) in chosen:
            rows += store.rows(_DUE_SQLITE, (flag, lane, now, after, last, share))
        return rows
    data = as_json([{"lane": lane, "after": after, "last": last} for lane, (after, last) in chosen])
    return store.rows(_DUE_POSTGRES, (data, flag, now, share))


def next_due(store: Store, flag: int, of_lanes: Sequence[int]) -> float | None:
    """When the next queued attempt of a service is due, or ``None``: there is none."""
    text = "SELECT min(not_before) FROM spool WHERE state = 'queued' AND service_flag = ? AND lane = ?"
    times = [store.value(text, (flag, lane)) for lane in of_lanes]
    return min((time for time in times if time is not None), default=None)


def mark_submitting(
    store: Store, ids: Sequence[int], *, worker: int, node: int | None, provider: int, now: float
) -> int:
    """The attempts are about to leave by ``provider``. Commit before the first byte does. How many were marked."""
    return store.run(
        "UPDATE spool SET state = 'submitting', worker_id = ?, node_id = ?, provider_id = ?, time_start = ?,"
        f" waiting_for = '', deadline_at = NULL WHERE {among(store, 'id', 'int')} AND state = 'queued'",
        (worker, node, provider, now, as_json(ids)),
    )


_PUT_OFF = Bulk(
    "UPDATE spool SET not_before = {until}, waiting_for = {reason} FROM {rows}"
    " WHERE spool.id = {id} AND state = 'queued'",
    {"id": "int", "until": "real", "reason": "text"},
)


def put_off(store: Store, rows: Sequence[tuple[int, float, str]]) -> None:
    """Leave attempts in the queue until a time, with the reason for people: rows of id, time, reason."""
    _PUT_OFF.run(store, rows)


def explain(store: Store, flag: int, reason: str, now: float, limit: int = 200) -> int:
    """Tell people why the attempts at the head of a service's queue are not sent. They stay due. How many were told."""
    told = 0
    for lane in lanes(store, flag)[:20]:
        told += store.run(
            "UPDATE spool SET waiting_for = ? WHERE waiting_for <> ? AND id IN ("
            "SELECT id FROM spool WHERE state = 'queued' AND service_flag = ? AND lane = ? AND not_before <= ?"
            f" ORDER BY not_before, id LIMIT ?{'' if store.is_sqlite else ' FOR UPDATE SKIP LOCKED'})",
            (reason, reason, flag, lane, now, limit),
        )
    return told


def reconsider(store: Store, now: float, limit: int = 2000) -> int:
    """Make attempts due that were put off for a reason that may be gone (providers have changed). How many."""
    return store.run(
        "UPDATE spool SET not_before = ?, waiting_for = '' WHERE id IN ("
        "SELECT id FROM spool WHERE state = 'queued' AND waiting_for <> '' AND not_before > ?"
        f" LIMIT ?{'' if store.is_sqlite else ' FOR UPDATE SKIP LOCKED'})",
        (now, now, limit),
    )


def hand_back(store: Store, worker: int, keep: Sequence[str] = ()) -> int:
    """Put what ``worker`` holds and has certainly not handed to a gateway back into the queue. How many.

    :param keep: correlation ids that were handed to a gateway.
    """
    return store.run(
        "UPDATE spool SET state = 'queued', worker_id = NULL, provider_id = NULL, node_id = NULL, time_start = NULL"
        f" WHERE worker_id = ? AND state IN ('claimed', 'submitting') AND NOT {among(store, 'uuid', 'text')}",
        (worker, as_json(keep)),
    )
