"""The account that every user has from the start: his own side of a conversation."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from ictcore.domain.user import Actor
from ictcore.usecases.accounts import reroute
from ictcore.usecases.system import System

_COPIED = ("first_name", "last_name", "phone", "email", "address")


def create_default_account(system: System, user_id: int, user: Mapping[str, Any], now: float) -> int:
    """Make the account of a new user; its id. Its own secrets are random: the user's password is not copied."""
    username = str(user["username"])
    taken = "SELECT 1 FROM account WHERE type = 'account' AND username = ?"
    if system.store.row(taken, (username,)):
        username = f"{username}-{user_id}"
    values = {name: user.get(name) or "" for name in _COPIED} | {
        "type": "account",
        "username": username,
        "passwd": secrets.token_urlsafe(18),
        "passwd_pin": f"{secrets.randbelow(10_000):04d}",
    }
    return system.rows.account.insert(values, user_id, now)


def follow_user(system: System, actor: Actor, user_id: int, changes: Mapping[str, Any]) -> None:
    """Copy a user's new phone and e-mail address to his default account, as ICTCore does. Its inbound routes follow."""
    copied = {name: changes[name] or "" for name in ("phone", "email") if name in changes}
    account_id = system.store.value("SELECT min(id) FROM account WHERE created_by = ? AND type = 'account'", (user_id,))
    if copied and account_id is not None:
        system.rows.account.update(account_id, copied, user_id, system.now())
        reroute(system, actor, account_id)
