"""Accounts: our side of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from ictcore.domain.errors import Conflict, InvalidInput, NotFound
from ictcore.domain.user import Actor
from ictcore.store.table import Found, Page
from ictcore.usecases import programs, routes
from ictcore.usecases.fields import convert
from ictcore.usecases.references import refuse_if_used
from ictcore.usecases.system import System, found, require


def create(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """Add an account of the actor's; its id.

    :raises Conflict: an account of that type has that username.
    """
    require(actor, "account_create", "account")
    row = {**values, "settings": _text(values.get("settings") or {})}
    try:
        return system.rows.account.insert(row, actor.user_id, system.now())
    except Conflict:
        raise _taken(values.get("username", "")) from None


def page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the accounts that the actor sees."""
    result = system.rows.account.page(wanted, require(actor, "account_list", "account"))
    return replace(result, rows=[shown(row) for row in result.rows])


def get(system: System, actor: Actor, account_id: int) -> dict[str, Any]:
    """One account. Its passwords are never read.

    :raises NotFound: there is none that the actor sees.
    """
    return shown(found(system.rows.account, "account", account_id, require(actor, "account_read", "account")))


def update(system: System, actor: Actor, account_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change the named fields, the named settings among ``settings``; the account as it is now.

    The inbound routes of its programs follow its new number and address.

    :raises NotFound: there is none that the actor sees.
    :raises InvalidInput: ``type`` is another one, or a program needs the number that would go.
    :raises Conflict: an account of that type has that username, or the new number is answered already.
    """
    owner = require(actor, "account_update", "account")
    with system.store.transaction():
        row = system.rows.account.lock(account_id, owner)
        if row is None:
            raise NotFound(f"there is no account {account_id}")
        changes = {name: value for name, value in values.items() if name != "type"}
        if values.get("type") not in (None, row["type"]):
            raise InvalidInput(fields={"type": "cannot be changed"})
        if "settings" in values:
            changes["settings"] = _text({**msgspec.json.decode(row["settings"]), **(values["settings"] or {})})
        try:
            system.rows.account.update(account_id, changes, owner, system.now())
        except Conflict:
            raise _taken(values.get("username", "")) from None
        if any(name in changes and changes[name] != row[name] for name in ("phone", "email")):
            reroute(system, actor, account_id)
        return shown(found(system.rows.account, "account", account_id, owner))


def delete(system: System, actor: Actor, account_id: int) -> None:
    """Remove an account; its transmissions stay, without it.

    :raises NotFound: there is none that the actor sees.
    :raises WrongState: a program uses it.
    """
    owner = require(actor, "account_delete", "account")
    with system.store.transaction() as store:
        if not system.rows.account.delete(account_id, owner):
            raise NotFound(f"there is no account {account_id}")
        refuse_if_used(system, "account", account_id)
        store.run("UPDATE transmission SET account_id = NULL WHERE account_id = ?", (account_id,))


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """An account as the API shows it: ``settings`` is an object."""
    return {**row, "settings": msgspec.json.decode(row["settings"])}


def reroute(system: System, actor: Actor, account_id: int) -> None:
    """Make the routes of the account's programs anew."""
    rows = system.store.rows(
        "SELECT DISTINCT program_id FROM program_resource WHERE resource_type = 'account' AND resource_id = ?",
        (account_id,),
    )
    for (program_id,) in rows:
        program = found(system.rows.program, "program", program_id, None)
        kind = system.registry.programs.get(program["type"])
        if kind is None:
            continue
        system.store.run("DELETE FROM route WHERE program_id = ?", (program_id,))
        parameters = convert(msgspec.json.decode(program["parameters"]), kind.parameters)
        referred = programs.rows_referred_to(system, kind, parameters)
        routes.put_up(system, actor, kind, program_id, parameters, referred, program["user_id"])


def _taken(username: str) -> Conflict:
    return Conflict(f"there is an account of that type with the username {username}")


def _text(settings: Mapping[str, Any]) -> str:
    return msgspec.json.encode(settings).decode()
