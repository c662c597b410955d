"""Removing what nobody needs any more, a limited number of rows at a time. Times are epoch seconds."""

# SQL is put together from constants of this package only; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from ictcore.store.database import Store

_OLD = {
    "inbox": ("id", "received_at"),
    "idempotency": ("id", "created_at"),
    "revoked_token": ("jti", "expires_at"),
    "login_throttle": ("key", "window_ends_at"),
}
"""Table -> its key, and the column that tells its age."""


def remove_old(store: Store, table: str, before: float, limit: int = 5000) -> int:
    """Remove at most ``limit`` rows of ``table`` that are older than ``before``, in one transaction. How many.

    :raises KeyError: nothing of that table is ever removed by age.
    """
    key, age = _OLD[table]
    return store.run(
        f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {age} < ? ORDER BY {age} LIMIT ?)",
        (before, limit),
    )
