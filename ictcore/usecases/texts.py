"""SMS texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.errors import NotFound
from ictcore.domain.user import Actor
from ictcore.usecases.plain import Plain
from ictcore.usecases.references import refuse_if_used
from ictcore.usecases.system import System, found, require

_plain = Plain("text")
page, get = _plain.page, _plain.get


def create(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a text of the actor's; its id."""
    require(actor, "text_create", "text")
    return insert(system, actor.user_id, values)


def insert(system: System, owner: int, values: Mapping[str, Any]) -> int:
    """Add a text; its id. No right is checked."""
    return system.rows.text.insert({**values, "length": len(values["data"])}, owner, system.now())


def update(system: System, actor: Actor, text_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change the named fields; the text as it is now. What is queued already keeps its old words.

    :raises NotFound: there is none that the actor sees.
    """
    owner = require(actor, "text_update", "text")
    if "data" in values:
        values = {**values, "length": len(values["data"])}
    with system.store.transaction():
        system.rows.text.update(text_id, values, owner, system.now())
        return found(system.rows.text, "text", text_id, owner)


def delete(system: System, actor: Actor, text_id: int) -> None:
    """Remove a text.

    :raises NotFound: there is none that the actor sees.
    :raises WrongState: a program uses it.
    """
    owner = require(actor, "text_delete", "text")
    with system.store.transaction():
        if not system.rows.text.delete(text_id, owner):
            raise NotFound(f"there is no text {text_id}")
        refuse_if_used(system, "text", text_id)
