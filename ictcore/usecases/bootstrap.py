"""What a new system has: permissions, two roles, the first administrator, this node, its gateways' default providers.

Everything here may be called at every start and by several processes at once: what is there stays as it is.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ictcore.domain.errors import InvalidInput
from ictcore.domain.permission import ADMIN_ROLE, USER_ROLE, all_names
from ictcore.domain.service import FLAGS
from ictcore.spec.gateway import GatewayType, ProviderType
from ictcore.store import workers
from ictcore.store.identity import Identity
from ictcore.usecases.accounts_default import create_default_account
from ictcore.usecases.login import Passwords
from ictcore.usecases.system import System

log = logging.getLogger(__name__)

ADMIN = "admin"
_ROLES = {
    ADMIN: (ADMIN_ROLE, "Administration: users, roles, providers, accounts."),
    "user": (USER_ROLE, "Everyday use: contacts, messages, programs, transmissions."),
}


@dataclass(frozen=True, slots=True)
class Made:
    """What :func:`bootstrap` has just made.

    :ivar admin_password: the first administrator's password, when it was made up and must be told once.
    """

    admin: bool = False
    admin_password: str | None = field(default=None, repr=False)
    providers: tuple[str, ...] = ()


def bootstrap(system: System, *, admin_password: str | None = None) -> Made:
    """Make what is missing, in one transaction.

    :param admin_password: for the first administrator; ``None`` or empty: a random one. Not used when there are users.
    :raises InvalidInput: ``admin_password`` is too short.
    """
    # The hash is made before the transaction: it takes long, and nobody else could write meanwhile.
    password, password_hash = "", ""
    if not system.store.row("SELECT 1 FROM usr LIMIT 1"):
        least = system.settings["security.password_length"]
        if admin_password and len(admin_password) < least:
            raise InvalidInput(fields={"ICTCORE_ADMIN_PASSWORD": f"must have at least {least} characters"})
        password = admin_password or secrets.token_urlsafe(12)
        password_hash = Passwords.of(system).hash(password)
    with system.store.transaction():
        Identity(system.store).changed()
        roles = _seed_permissions(system)
        admin = bool(password) and not system.store.row("SELECT 1 FROM usr LIMIT 1")
        if admin:
            _make_admin(system, password_hash, roles)
        workers.node_id(system.store, system.settings["core.node"], system.now())
        providers = _make_providers(system)
    return Made(admin, password if admin and not admin_password else None, providers)


def _seed_permissions(system: System) -> list[int]:
    """Add the names that are missing, to the seeded roles that list them too; the ids of all seeded roles.

    Roles are made on a new system only: one that an operator has removed does not come back, and a permission that he
    has taken from a role does not return to it.
    """
    store = system.store
    known = {name for (name,) in store.rows("SELECT name FROM permission")}
    missing = [name for name in all_names() if name not in known]
    store.many("INSERT INTO permission (name) VALUES (?)", [(name,) for name in missing])
    if not store.row("SELECT 1 FROM role LIMIT 1"):
        for name, (_, description) in _ROLES.items():
            store.run("INSERT INTO role (name, description) VALUES (?, ?)", (name, description))
    found: dict[str, int] = dict(store.rows("SELECT name, id FROM role"))
    for name, (grants, _) in _ROLES.items():
        if name in found:
            new = [grant for grant in grants if grant in missing]
            store.many(
                "INSERT INTO role_permission (role_id, permission_id) SELECT ?, id FROM permission WHERE name = ?",
                [(found[name], grant) for grant in new],
            )
    return [found[name] for name in _ROLES if name in found]


def _make_admin(system: System, password_hash: str, roles: list[int]) -> None:
    now = system.now()
    values = {"username": ADMIN, "password_hash": password_hash, "first_name": "Administrator"}
    user_id = system.rows.user.insert(values | {"owner_id": None}, None, now)
    system.store.many("INSERT INTO user_role (user_id, role_id) VALUES (?, ?)", [(user_id, role) for role in roles])
    create_default_account(system, user_id, values, now)


def _make_providers(system: System) -> tuple[str, ...]:
    if system.store.row("SELECT 1 FROM provider LIMIT 1"):
        return ()
    made = []
    for gateway in system.registry.gateways.values():
        try:
            wanted = list(gateway.default_providers(system.settings))
        except Exception:
            log.exception("gateway %s: its default providers cannot be made", gateway.name)
            continue
        for row in wanted:
            kind = next((kind for kind in gateway.provider_types if kind.name == row.get("type")), None)
            if kind is None:
                log.error("gateway %s: there is no provider type %r", gateway.name, row.get("type"))
                continue
            system.rows.provider.insert(_provider(gateway, kind, row), None, system.now())
            made.append(str(row["name"]))
    return tuple(made)


def _provider(gateway: GatewayType, kind: ProviderType, row: Mapping[str, Any]) -> dict[str, Any]:
    values = {
        "gateway_flag": gateway.flag,
        "service_flag": sum(FLAGS[service] for service in kind.services),
        "port": kind.port,
        "active": 1,
    } | dict(row)
    if not isinstance(values.get("settings", ""), str):
        values["settings"] = msgspec.json.encode(values["settings"]).decode()
    return {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}
