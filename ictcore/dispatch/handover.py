"""Attempts that were handed to a gateway and whose submission has no outcome yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ictcore.store.attempts import AttemptRow


class Handovers:
    """Correlation id -> until when its outcome is waited for (monotonic seconds). Kept in memory only: it tells what
    has certainly *not* been handed over when a commit's fate is not known."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def add(self, rows: Iterable[AttemptRow], until: float) -> None:
        """These are handed over now."""
        for row in rows:
            self._until[row.uuid] = until

    def forget(self, uuids: Iterable[str]) -> None:
        """These have their outcome; unknown ids are ignored."""
        for uuid in uuids:
            self._until.pop(uuid, None)

    def ids(self) -> list[str]:
        """All that are waited for."""
        return list(self._until)

    def overdue(self, now: float) -> Sequence[str]:
        """Those that were waited for too long."""
        return [uuid for uuid, until in self._until.items() if until < now]
