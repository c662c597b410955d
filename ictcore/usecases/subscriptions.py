"""Programs that answer for an account, and whose account it is."""

from __future__ import annotations

from typing import Any

import msgspec

from ictcore.domain.errors import InvalidInput, NotFound
from ictcore.domain.user import Actor
from ictcore.spec.program import ProgramType
from ictcore.usecases import programs
from ictcore.usecases.accounts import shown
from ictcore.usecases.system import System, found


def subscribe(system: System, actor: Actor, account_id: int, program: str) -> dict[str, Any]:
    """Let a program answer for an account; the account. Doing it again changes nothing.

    :param program: a program's id or name, which is copied for the account; or a type's name.
    :raises NotFound: there is no such account, program or type that the actor sees.
    :raises InvalidInput: programs of that type are for no account.
    :raises Conflict: another program answers the account's number already.
    """
    actor.require("account_update", "program_create")
    with system.store.transaction():
        account = system.rows.account.lock(account_id, actor.scope("account"))
        if account is None:
            raise NotFound(f"there is no account {account_id}")
        kind, model = _model(system, actor, program)
        field = next((field for field, noun in kind.references.items() if noun == "account"), None)
        if field is None:
            raise InvalidInput(fields={"program": f"a program of type {kind.name} is for no account"})
        if not _subscribed(system, account_id, kind, model):
            values: dict[str, Any] = {} if model is None else msgspec.json.decode(model["parameters"])
            name = kind.name if model is None else model["name"]
            parent = None if model is None else model["program_id"]
            values |= {"name": name, "parent_id": parent, field: account_id}
            programs.insert(system, actor, kind, values, account["user_id"] or actor.user_id)
        return shown(account)


def unsubscribe(system: System, actor: Actor, account_id: int, program: str | None = None) -> dict[str, Any]:
    """Take programs away from an account; the account.

    :param program: id, name or type of those that go; ``None``: all.
    :raises NotFound: there is no such account that the actor sees, or it has no such program.
    :raises WrongState: an attempt of one is on its way.
    """
    actor.require("account_update", "program_delete")
    with system.store.transaction():
        account = system.rows.account.lock(account_id, actor.scope("account"))
        if account is None:
            raise NotFound(f"there is no account {account_id}")
        gone = [row for row in _programs(system, account_id) if program is None or _is(row, program)]
        if program is not None and not gone:
            raise NotFound(f"account {account_id} has no such program")
        for row in gone:
            programs.remove(system, row[0])
        return shown(account)


def assign(system: System, actor: Actor, account_id: int, user_id: int) -> dict[str, Any]:
    """Give an account to a user; its programs, which served its old owner, go. The account as it is now.

    :raises NotFound: there is no such account or user that the actor sees.
    :raises WrongState: an attempt of a program is on its way.
    """
    actor.require("account_create", "user_update")
    return _hand_over(system, actor, account_id, user_id)


def dissociate(system: System, actor: Actor, account_id: int) -> dict[str, Any]:
    """Take an account from its user: it is free to be assigned, and its programs go. The account as it is now.

    :raises NotFound: there is no such account that the actor sees.
    :raises WrongState: an attempt of a program is on its way.
    """
    actor.require("account_delete", "user_update")
    return _hand_over(system, actor, account_id, None)


def _hand_over(system: System, actor: Actor, account_id: int, user_id: int | None) -> dict[str, Any]:
    with system.store.transaction() as store:
        account = system.rows.account.lock(account_id, actor.scope("account"))
        if account is None:
            raise NotFound(f"there is no account {account_id}")
        if user_id is not None and not system.rows.user.exists(user_id, None):
            raise NotFound(f"there is no user {user_id}")
        if account["user_id"] != user_id:
            for row in _programs(system, account_id):
                programs.remove(system, row[0])
            store.run(
                "UPDATE account SET created_by = ?, updated_at = ? WHERE id = ?", (user_id, system.now(), account_id)
            )
        return shown(found(system.rows.account, "account", account_id, None))


def _model(system: System, actor: Actor, program: str) -> tuple[ProgramType, dict[str, Any] | None]:
    """The type, and the program to copy when one was named."""
    owner = actor.scope("program")
    row: dict[str, Any] | None = None
    if program.isascii() and program.isdigit() and len(program) <= 18:
        row = system.rows.program.get(int(program), owner)
    elif program in system.registry.programs:
        return system.registry.programs[program], None
    elif "\x00" not in program:
        mine, values = ("", (program,)) if owner is None else (" AND created_by = ?", (program, owner))
        found_id = system.store.value(f"SELECT id FROM program WHERE name = ?{mine} ORDER BY id LIMIT 1", values)  # noqa: S608
        row = None if found_id is None else system.rows.program.get(found_id, owner)
    if row is None:
        raise NotFound(f"there is no program {program[:64]!r}")
    return programs.program_type(system, row["type"]), row


def _subscribed(system: System, account_id: int, kind: ProgramType, model: dict[str, Any] | None) -> bool:
    rows = _programs(system, account_id)
    if model is None:
        return any(row[1] == kind.name for row in rows)
    return any(model["program_id"] in (row[0], row[3]) for row in rows)


def _programs(system: System, account_id: int) -> list[tuple[Any, ...]]:
    """The programs that refer to an account: rows of id, type, name, parent_id."""
    return system.store.rows(
        "SELECT id, type, name, parent_id FROM program WHERE id IN (SELECT program_id FROM program_resource"
        " WHERE resource_type = 'account' AND resource_id = ?) ORDER BY id",
        (account_id,),
    )


def _is(row: tuple[Any, ...], program: str) -> bool:
    return program in (str(row[0]), row[1], row[2]) or (row[3] is not None and program == str(row[3]))
