"""Who leads: a duty belongs to one holder until its lease ends. Times are epoch seconds."""

from __future__ import annotations

from ictcore.store.database import Store


def lead(store: Store, duty: str, holder: str, now: float, until: float) -> bool:
    """Take or keep a duty until ``until``. ``False``: somebody else has it. One statement, so two cannot both win."""
    return (
        store.row(
            "INSERT INTO leader (duty, holder, until) VALUES (?, ?, ?) ON CONFLICT (duty) DO UPDATE"
            " SET holder = excluded.holder, until = excluded.until"
            " WHERE leader.holder = excluded.holder OR leader.until < ? RETURNING holder",
            (duty, holder, until, now),
        )
        is not None
    )


def resign(store: Store, duty: str, holder: str) -> None:
    """Give a duty up, so that another may take it at once. Safe when one does not hold it."""
    store.run("DELETE FROM leader WHERE duty = ? AND holder = ?", (duty, holder))
