"""References between rows: a row that is named must be there and be visible, one that is used must not go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ictcore.domain.errors import InvalidInput, WrongState
from ictcore.domain.user import Actor
from ictcore.store.table import Rows
from ictcore.usecases.system import System

FAMILIES: Mapping[str, str] = {
    "account": "account", "contact": "contact", "group": "group", "program": "program", "text": "text",
    "template": "template", "transmission": "transmission",
}  # fmt: skip
"""Noun -> the permission family that says whose rows of it an actor sees. The nouns that can be referred to."""
_SHOWN = 5


def rows_of(system: System, noun: str) -> Rows:
    """The rows of a noun that can be referred to."""
    rows: Rows = getattr(system.rows, FAMILIES[noun])
    return rows


def visible(system: System, actor: Actor, field: str, noun: str, row_id: int, *, lock: bool = False) -> dict[str, Any]:
    """The row that ``field`` of a request names.

    :param lock: nobody can delete it until the caller's transaction ends.
    :raises InvalidInput: there is none that the actor sees; the field is ``field``.
    """
    row = None
    if noun in FAMILIES:
        rows, owner = rows_of(system, noun), actor.scope(FAMILIES[noun])
        row = rows.lock(row_id, owner, share=True) if lock else rows.get(row_id, owner)
    if row is None:
        raise InvalidInput(fields={field: f"there is no {noun} {row_id}"})
    return row


def refuse_if_used(system: System, noun: str, row_id: int) -> None:
    """Check that no program depends on the row; call it in the transaction that deletes the row.

    :raises WrongState: one does; the message names the first of them.
    """
    users = system.store.rows(
        "SELECT DISTINCT program.id, program.name FROM program_resource JOIN program ON program.id = program_id"
        " WHERE resource_type = ? AND resource_id = ? ORDER BY program.id LIMIT ?",
        (noun, row_id, _SHOWN + 1),
    )
    if users:
        more = " and others" if len(users) > _SHOWN else ""
        raise WrongState(f"the {noun} is used by {named(users[:_SHOWN])}{more}")


def named(programs: Iterable[tuple[Any, ...]]) -> str:
    """Programs as a sentence names them; rows of id and name."""
    return ", ".join(f"program {program} ({name})" for program, name in programs)
