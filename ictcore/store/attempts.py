"""Attempts as events meet them: loading, and writing what the events changed, many at a time.

Times are epoch seconds. Everything runs inside the caller's transaction.
"""

# SQL is put together from constants of this package only; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ictcore.store.bulk import Bulk, BulkInsert, among, as_json
from ictcore.store.database import Row, Store


class AttemptRow:
    """What must be known of an attempt to apply events to it.

    :ivar was: the state that the database has; ``state`` is the state after the events so far.
    :ivar change: the pending changes by column, ``None``: there are none.
    :ivar started: when it was submitted.
    """

    __slots__ = (
        "cause", "change", "flag", "id", "provider", "results", "started", "state", "transmission", "tries", "uuid",
        "was", "worker",
    )  # fmt: skip

    def __init__(
        self, id: int, uuid: str, transmission: int, flag: int, state: str, cause: str, tries: int,
        provider: int | None, worker: int | None, started: float | None,
    ) -> None:  # fmt: skip
        self.id = id
        self.uuid = uuid
        self.transmission = transmission
        self.flag = flag
        self.state = state
        self.was = state
        self.cause = cause
        self.tries = tries
        self.provider = provider
        self.worker = worker
        self.started = started
        self.change: dict[str, Any] | None = None
        self.results: list[tuple[str, str, str]] | None = None


_COLUMNS = "id, uuid, transmission_id, service_flag, state, cause, tries, provider_id, worker_id, time_start"


def load(store: Store, uuids: Iterable[str]) -> list[AttemptRow]:
    """The attempts with these correlation ids, locked on PostgreSQL (in the order of their ids); unknown ones are left
    out."""
    lock = "" if store.is_sqlite else " ORDER BY id FOR UPDATE"
    text = f"SELECT {_COLUMNS} FROM spool WHERE {among(store, 'uuid', 'text')}{lock}"
    return [AttemptRow(*row) for row in store.rows(text, (as_json(list(uuids)),))]


def held_by(store: Store, worker: int) -> list[AttemptRow]:
    """Every attempt that a worker must report on. Not locked."""
    return [AttemptRow(*row) for row in store.rows(f"SELECT {_COLUMNS} FROM spool WHERE worker_id = ?", (worker,))]


def overdue(store: Store, now: float, limit: int) -> list[AttemptRow]:
    """Attempts whose report, or whose settlement, did not come in time; the most overdue first."""
    lock = "" if store.is_sqlite else " FOR UPDATE SKIP LOCKED"
    text = (
        f"SELECT {_COLUMNS} FROM spool WHERE state IN ('submitted', 'uncertain') AND deadline_at <= ?"
        f" ORDER BY deadline_at LIMIT ?{lock}"
    )
    return [AttemptRow(*row) for row in store.rows(text, (now, limit))]


# The four statements below look at the correlation id and the state too: what was remembered of an attempt may not be
# true any more, and SQLite gives the id of a deleted row to another one.

TAKEN = Bulk(
    "UPDATE spool SET state = 'submitted', vendor_id = {vendor_id}, deadline_at = {deadline}, worker_id = {worker}"
    " FROM {rows} WHERE spool.id = {id} AND uuid = {uuid} AND state = {was}",
    {"id": "int", "uuid": "text", "was": "text", "vendor_id": "text", "deadline": "real", "worker": "int"},
)
"""The plain "taken, a report follows"."""

ENDED = Bulk(
    "UPDATE spool SET state = {state}, cause = {cause}, response = {response}, vendor_code = {vendor_code},"
    " vendor_id = CASE WHEN {vendor_id} = '' THEN vendor_id ELSE {vendor_id} END, amount = {amount},"
    " time_end = {ended}, deadline_at = NULL, worker_id = NULL"
    " FROM {rows} WHERE spool.id = {id} AND uuid = {uuid} AND state = {was}",
    {
        "id": "int", "uuid": "text", "was": "text", "state": "text", "cause": "text", "response": "text",
        "vendor_code": "text", "vendor_id": "text", "amount": "real", "ended": "real",
    },
)  # fmt: skip
"""The plain end."""

CHANGED = Bulk(
    "UPDATE spool SET state = {state}, cause = coalesce({cause}, cause), response = coalesce({response}, response),"
    " vendor_id = coalesce({vendor_id}, vendor_id), vendor_code = coalesce({vendor_code}, vendor_code),"
    " amount = coalesce({amount}, amount), time_connect = coalesce({connected}, time_connect),"
    " time_end = coalesce({ended}, time_end), not_before = coalesce({not_before}, not_before),"
    " waiting_for = coalesce({waiting_for}, waiting_for), deadline_at = {deadline}, worker_id = {worker},"
    " time_start = CASE WHEN {state} = 'queued' THEN NULL ELSE time_start END"
    " FROM {rows} WHERE spool.id = {id} AND uuid = {uuid} AND state = {was}",
    {
        "id": "int", "uuid": "text", "was": "text", "state": "text", "cause": "text", "response": "text",
        "vendor_id": "text", "vendor_code": "text", "amount": "real", "connected": "real", "ended": "real",
        "not_before": "real", "waiting_for": "text", "deadline": "real", "worker": "int",
    },
)  # fmt: skip
"""Anything else; ``None`` leaves a column as it is, but ``deadline`` and ``worker`` are always set."""

NOTED = Bulk(
    "UPDATE spool SET cause = coalesce({cause}, cause), response = coalesce({response}, response),"
    " vendor_code = coalesce({vendor_code}, vendor_code), time_connect = coalesce({connected}, time_connect)"
    " FROM {rows} WHERE spool.id = {id} AND uuid = {uuid} AND state = {was}",
    {
        "id": "int", "uuid": "text", "was": "text", "cause": "text", "response": "text", "vendor_code": "text",
        "connected": "real",
    },
)  # fmt: skip
"""Progress that leaves the state as it is."""

SETTLED = Bulk(
    "UPDATE transmission SET status = {status}, response = {response}, try_done = {tries}, last_run = {last_run},"
    " updated_at = {now} FROM {rows} WHERE transmission.id = {id}",
    {"id": "int", "status": "text", "response": "text", "tries": "int", "last_run": "real", "now": "real"},
)
"""What the end of an attempt means for its transmission (``processing``: another attempt follows)."""

CORRECTED = Bulk(
    "UPDATE transmission SET status = {status}, response = {response}, updated_at = {now} FROM {rows}"
    " WHERE transmission.id = {id}"
    " AND NOT EXISTS (SELECT 1 FROM spool WHERE transmission_id = transmission.id AND spool.tries > {tries})",
    {"id": "int", "status": "text", "response": "text", "tries": "int", "now": "real"},
)
"""A late end of an attempt that was given up: right for its transmission unless another attempt was made since."""

RESULTS = BulkInsert(
    "spool_result", {"spool_id": "int", "type": "text", "name": "text", "data": "text", "created_at": "real"}
)

_AGAIN = Bulk(
    "INSERT INTO spool (uuid, transmission_id, created_by, account_id, service_flag, lane, state, not_before, tries,"
    " source, destination, plan, time_spool, node_id, worker_id)"
    " SELECT {uuid}, s.transmission_id, s.created_by, s.account_id, s.service_flag, s.lane, 'queued', {not_before},"
    " s.tries + 1, s.source, s.destination, s.plan, {now}, NULL, NULL FROM {rows} CROSS JOIN spool s WHERE s.id = {id}",
    {"id": "int", "uuid": "text", "not_before": "real", "now": "real"},
)


def repeat(store: Store, rows: Sequence[tuple[int, str, float, float]]) -> None:
    """Queue a further attempt after each of these: rows of old id, new correlation id, not before, now."""
    _AGAIN.run(store, rows)


def tries_allowed(store: Store, transmissions: Iterable[int]) -> dict[int, tuple[int, str]]:
    """Transmission -> how many attempts it may have, and its direction."""
    text = f"SELECT id, try_allowed, direction FROM transmission WHERE {among(store, 'id', 'int')}"
    return {id: (allowed, direction) for id, allowed, direction in store.rows(text, (as_json(list(transmissions)),))}


def state_of(store: Store, spool: int) -> Row | None:
    """The correlation id and state of one attempt."""
    return store.row("SELECT uuid, state FROM spool WHERE id = ?", (spool,))
