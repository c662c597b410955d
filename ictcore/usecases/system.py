"""What every use case works with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from ictcore.domain.clock import Clock, epoch, utc_now
from ictcore.domain.errors import NotFound
from ictcore.domain.user import Actor
from ictcore.plugins import PluginManager, Registry
from ictcore.spec.settings import Settings
from ictcore.store.database import Store
from ictcore.store.nouns import Nouns, nouns
from ictcore.store.table import Rows

T = TypeVar("T")


@dataclass
class System:
    """The parts of the system that use cases need; made once per process.

    :ivar plugins: calls the hooks that are no registration, such as ``ictcore_health``; ``None``: none to call.
    """

    store: Store
    registry: Registry
    settings: Settings
    home: Path
    clock: Clock = utc_now
    plugins: PluginManager | None = None
    rows: Nouns = field(init=False)
    _parts: dict[Any, Any] = field(init=False, default_factory=dict, repr=False)
    _lock: threading.RLock = field(init=False, default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self.rows = nouns(self.store)

    def part(self, make: Callable[[System], T]) -> T:
        """The one object of this system that ``make(system)`` makes, made when it is first asked for.

        For what is costly to make or remembers something: who may log in, what was measured.
        """
        found = self._parts.get(make)
        if found is None:
            with self._lock:
                found = self._parts.get(make)
                if found is None:
                    found = self._parts[make] = make(self)
        return cast(T, found)

    def now(self) -> float:
        """Now as epoch seconds."""
        return epoch(self.clock())


def found(rows: Rows, noun: str, row_id: int, owner: int | None) -> dict[str, Any]:
    """The row.

    :raises NotFound: there is none, or it belongs to somebody else: the two look the same.
    """
    row = rows.get(row_id, owner)
    if row is None:
        raise NotFound(f"there is no {noun} {row_id}")
    return row


def require(actor: Actor, permission: str, family: str) -> int | None:
    """Check ``permission`` and return whose rows of ``family`` the actor sees.

    :raises Forbidden: he does not hold it.
    """
    actor.require(permission)
    return actor.scope(family)
