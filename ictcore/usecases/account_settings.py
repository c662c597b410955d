"""Single settings of an account: any name, a plain value."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ictcore.domain.errors import InvalidInput, NotFound
from ictcore.domain.user import Actor
from ictcore.usecases.system import System, found, require

MOST = 200
"""Settings of one account."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}")


def get(system: System, actor: Actor, account_id: int, name: str) -> Any:
    """The value of a setting.

    :raises NotFound: there is no such account that the actor sees, or it has no such setting.
    """
    row = found(system.rows.account, "account", account_id, require(actor, "account_read", "account"))
    settings = msgspec.json.decode(row["settings"])
    if name not in settings:
        raise NotFound(f"account {account_id} has no such setting")
    return settings[name]


def put(system: System, actor: Actor, account_id: int, name: str, value: Any) -> None:
    """Set a setting.

    :raises NotFound: there is no such account that the actor sees.
    :raises InvalidInput: the name cannot be one, or the account has too many.
    """
    check_name("name", name)
    _change(system, actor, account_id, name, lambda settings: settings.update({name: value}))


def delete(system: System, actor: Actor, account_id: int, name: str) -> None:
    """Forget a setting.

    :raises NotFound: there is no such account that the actor sees, or it has no such setting.
    """

    def forget(settings: dict[str, Any]) -> None:
        if name not in settings:
            raise NotFound(f"account {account_id} has no such setting")
        del settings[name]

    _change(system, actor, account_id, name, forget)


def check_name(field: str, name: str) -> None:
    """Check the name of a setting.

    :raises InvalidInput: it cannot be one; the field is ``field``.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(fields={field: "a setting's name has 1 to 64 letters, digits and _ . : -"})


def _change(system: System, actor: Actor, account_id: int, name: str, change: Any) -> None:
    owner = require(actor, "account_update", "account")
    with system.store.transaction():
        row = system.rows.account.lock(account_id, owner)
        if row is None:
            raise NotFound(f"there is no account {account_id}")
        settings = msgspec.json.decode(row["settings"])
        change(settings)
        if len(settings) > MOST:
            raise InvalidInput(fields={"name": f"an account has at most {MOST} settings"})
        text = msgspec.json.encode(settings).decode()
        system.rows.account.update(account_id, {"settings": text}, owner, system.now())
