"""How often each operation was answered, and how."""

from __future__ import annotations

import threading
from collections import Counter

from ictcore.usecases.system import System


class RequestCounter:
    """How many requests this process has answered, by operation and status. Made by ``system.part``."""

    def __init__(self, system: System | None = None) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, operation: str, status: str) -> None:
        """Count one answer. ``status``: three digits."""
        with self._lock:
            self._counts[operation, status] += 1

    def counts(self) -> dict[tuple[str, str], int]:
        """``(operation, status)`` -> number."""
        with self._lock:
            return dict(self._counts)
