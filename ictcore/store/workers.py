"""Nodes and the dispatchers that run on them. Times are epoch seconds."""

# SQL is put together from constants of this package only; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import secrets
import time

from ictcore.store.database import Row, Store


def node_id(store: Store, name: str, now: float) -> int:
    """The id of the node called ``name``; it is made when there is none. Two processes may call it at once."""
    store.run("INSERT INTO node (name, active, created_at) VALUES (?, 1, ?) ON CONFLICT (name) DO NOTHING", (name, now))
    found: int = store.value("SELECT id FROM node WHERE name = ?", (name,))
    return found


def register(store: Store, node: int, name: str, now: float, lease_until: float) -> int:
    """A new worker row; its id, which no other worker ever had (SQLite alone would give the id of a removed row again,
    and with it what the dead worker held)."""
    worker = (time.time_ns() // 1_000_000) << 12 | secrets.randbits(12)
    store.run(
        "INSERT INTO worker (id, node_id, name, started_at, lease_until) VALUES (?, ?, ?, ?, ?)",
        (worker, node, name, now, lease_until),
    )
    return worker


def renew(store: Store, worker: int, lease_until: float, health: str, counters: str) -> bool:
    """Lengthen a lease and publish ``health`` (JSON list) and ``counters`` (JSON object). ``False``: it is lost."""
    return bool(
        store.run(
            "UPDATE worker SET lease_until = ?, health = ?, counters = ? WHERE id = ?",
            (lease_until, health, counters, worker),
        )
    )


def exists(store: Store, worker: int) -> bool:
    """Whether the worker still has its row: nobody has taken over what it held.

    Inside a transaction on PostgreSQL it also keeps others from taking over until that transaction ends.
    """
    lock = "" if store.is_sqlite or not store.in_transaction else " FOR KEY SHARE"
    return store.row(f"SELECT id FROM worker WHERE id = ?{lock}", (worker,)) is not None


def remove(store: Store, worker: int) -> bool:
    """Remove a worker's row. ``False``: somebody else was faster."""
    return bool(store.run("DELETE FROM worker WHERE id = ?", (worker,)))


def others(store: Store, node: int | None, me: int | None) -> list[Row]:
    """The other workers of a node (``None``: of all nodes): rows of id, node_id, name, lease_until."""
    return store.rows(
        "SELECT id, node_id, name, lease_until FROM worker WHERE id <> ? AND (? = 0 OR node_id = ?)",
        (me or 0, node or 0, node or 0),
    )


def orphans(store: Store) -> list[int]:
    """Ids of workers that hold attempts and have no row any more."""
    return [
        found
        for (found,) in store.rows(
            "SELECT DISTINCT worker_id FROM spool WHERE worker_id IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = spool.worker_id)"
        )
    ]


def running(store: Store, now: float) -> list[Row]:
    """The workers whose lease holds: rows of id, node, name, started_at, lease_until, health, counters."""
    return store.rows(
        "SELECT worker.id, node.name, worker.name, started_at, lease_until, health, counters FROM worker"
        " JOIN node ON node.id = worker.node_id WHERE lease_until >= ? ORDER BY worker.id",
        (now,),
    )
