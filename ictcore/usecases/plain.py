"""The use cases of a noun that has no rules beyond rights and ownership."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.user import Actor
from ictcore.store.table import Found, Page, Rows
from ictcore.usecases.system import System, found, require


class Plain:
    """Making, reading and changing rows of a noun.

    :param noun: a field of :class:`~ictcore.store.nouns.Nouns`, which is also the family of its permissions.
    """

    def __init__(self, noun: str) -> None:
        self.noun = noun

    def create(self, system: System, actor: Actor, values: Mapping[str, Any]) -> int:
        """Add a row of the actor's; its id."""
        self._owner(actor, "create")
        return self._rows(system).insert(values, actor.user_id, system.now())

    def page(self, system: System, actor: Actor, wanted: Page) -> Found:
        """One page of the rows that the actor sees."""
        return self._rows(system).page(wanted, self._owner(actor, "list"))

    def get(self, system: System, actor: Actor, row_id: int) -> dict[str, Any]:
        """One row.

        :raises NotFound: there is none that the actor sees.
        """
        return found(self._rows(system), self.noun, row_id, self._owner(actor, "read"))

    def update(self, system: System, actor: Actor, row_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change the named fields; the row as it is now.

        :raises NotFound: there is none that the actor sees.
        """
        owner = self._owner(actor, "update")
        rows = self._rows(system)
        with system.store.transaction():
            rows.update(row_id, values, owner, system.now())
            return found(rows, self.noun, row_id, owner)

    def _rows(self, system: System) -> Rows:
        rows: Rows = getattr(system.rows, self.noun)
        return rows

    def _owner(self, actor: Actor, action: str) -> int | None:
        return require(actor, f"{self.noun}_{action}", self.noun)
