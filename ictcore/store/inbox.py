"""The inbox: every event that was taken, once."""

from __future__ import annotations

from collections.abc import Sequence

from ictcore.store.bulk import BulkInsert
from ictcore.store.database import Store

_EVENTS = BulkInsert("inbox", {"key": "text", "kind": "text", "body": "text", "received_at": "real"}, "key")


def keep(store: Store, rows: Sequence[tuple[str, str, str, float]]) -> set[str]:
    """Keep events: rows of key, kind, body (JSON), time. The keys that are new; the others were taken before."""
    return _EVENTS.run(store, rows)


def known(store: Store, key: str) -> bool:
    """Whether the event with this key was taken before."""
    return store.row("SELECT 1 FROM inbox WHERE key = ?", (key,)) is not None
