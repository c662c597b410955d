"""Templates: e-mails with their attachments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.errors import InvalidInput, NotFound
from ictcore.domain.user import Actor
from ictcore.store.table import Found, Page
from ictcore.usecases import attachments
from ictcore.usecases.references import refuse_if_used
from ictcore.usecases.system import System, found, require


def create(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a template of the actor's; its id.

    :raises InvalidInput: it has neither a body nor a plain one.
    """
    require(actor, "template_create", "template")
    return insert(system, actor.user_id, values)


def insert(system: System, owner: int, values: Mapping[str, Any]) -> int:
    """Add a template; its id. No right is checked.

    :raises InvalidInput: it has neither a body nor a plain one.
    """
    _check(values)
    row = {**values, "length": _bytes(values)}
    return system.rows.template.insert(row, owner, system.now())


def page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the templates that the actor sees, with their attachments."""
    result = system.rows.template.page(wanted, require(actor, "template_list", "template"))
    files = attachments.of_many(system, [row["template_id"] for row in result.rows])
    for row in result.rows:
        row["attachments"] = files.get(row["template_id"], [])
    return result


def get(system: System, actor: Actor, template_id: int) -> dict[str, Any]:
    """One template with its attachments.

    :raises NotFound: there is none that the actor sees.
    """
    return _shown(system, template_id, require(actor, "template_read", "template"))


def update(system: System, actor: Actor, template_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change the named fields; the template as it is now. What is queued already keeps its old words.

    :raises NotFound: there is none that the actor sees.
    :raises InvalidInput: nothing would be left of its body.
    """
    owner = require(actor, "template_update", "template")
    with system.store.transaction():
        old = system.rows.template.lock(template_id, owner)
        if old is None:
            raise NotFound(f"there is no template {template_id}")
        new = {**old, **values}
        _check(new)
        length = old["length"] - _bytes(old) + _bytes(new)
        system.rows.template.update(template_id, {**values, "length": length}, owner, system.now())
        return _shown(system, template_id, owner)


def delete(system: System, actor: Actor, template_id: int) -> None:
    """Remove a template and its attachments.

    :raises NotFound: there is none that the actor sees.
    :raises WrongState: a program uses it.
    """
    owner = require(actor, "template_delete", "template")
    with system.store.transaction():
        if not system.rows.template.delete(template_id, owner):
            raise NotFound(f"there is no template {template_id}")
        refuse_if_used(system, "template", template_id)


def _shown(system: System, template_id: int, owner: int | None) -> dict[str, Any]:
    row = found(system.rows.template, "template", template_id, owner)
    row["attachments"] = attachments.of_many(system, [template_id]).get(template_id, [])
    return row


def _check(values: Mapping[str, Any]) -> None:
    if not values.get("body") and not values.get("body_alt"):
        raise InvalidInput(fields={"body": "is required, unless there is body_alt"})


def _bytes(values: Mapping[str, Any]) -> int:
    return len(values.get("body", "").encode()) + len(values.get("body_alt", "").encode())
