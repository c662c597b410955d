"""What a dispatcher remembers of the attempts that it has handed over, so that their rows need not be read again."""

from __future__ import annotations

from collections.abc import Iterable

from ictcore.store.attempts import AttemptRow


class Memory:
    """Attempts by correlation id, as they are in the database after the last commit.

    It is only a shortcut: a row that has changed meanwhile is noticed when it is written, and read then. So it may be
    emptied at any time.

    :ivar mine: ids of the workers that this process is, or has been. Only what they hold may be put back into the
        queue on the word of this process' gateways.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self.rows: dict[str, AttemptRow] = {}
        self.mine: set[int] = set()
        self._limit = limit

    def add(self, rows: Iterable[AttemptRow]) -> None:
        """Remember attempts that are about to be handed over."""
        for row in rows:
            self.rows[row.uuid] = row
        while len(self.rows) > self._limit:
            del self.rows[next(iter(self.rows))]

    def clear(self) -> None:
        """Forget all attempts; their rows are read when they are needed."""
        self.rows.clear()
