"""The permission names of ICTCore and the two roles that a new system has.

A family name (``contact``) is a permission too: it grants every name of the family.
"""

from __future__ import annotations

from typing import Final

_CRUD = ("create", "list", "read", "update", "delete")

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "api": ("access",),
    "statistic": ("read", "admin"),
    "configuration": ("read", "write"),
    "program": (*_CRUD, "execute", "admin"),
    "transmission": (*_CRUD, "send", "admin"),
    "task": ("create", "list", "read", "delete", "admin"),
    "schedule": ("create", "list", "read", "delete", "admin"),
    "spool": ("read", "list", "admin"),
    "result": ("read", "list", "admin"),
    "provider": (*_CRUD, "admin"),
    "contact": (*_CRUD, "admin"),
    "group": (*_CRUD, "admin"),
    "account": (*_CRUD, "admin"),
    "user": ("create", "list", "read", "password", "update", "delete", "admin"),
    "usr": ("create", "list", "read", "password", "update", "delete", "admin"),
    "role": _CRUD,
    "permission": ("create", "list", "read", "delete"),
    "campaign": (*_CRUD, "start", "stop", "admin"),
    "recording": (*_CRUD, "admin"),
    "document": (*_CRUD, "admin"),
    "text": (*_CRUD, "admin"),
    "template": (*_CRUD, "admin"),
}
"""Family -> its actions; the permissions are ``family`` and ``family_action``."""


def all_names() -> tuple[str, ...]:
    """Every permission name, families first in their order."""
    return tuple(
        name for family, actions in FAMILIES.items() for name in (family, *(f"{family}_{action}" for action in actions))
    )


ADMIN_ROLE: Final = (
    "api", "statistic", "configuration", "provider", "account", "user", "usr", "role", "permission",
)  # fmt: skip
USER_ROLE: Final = (
    "api", "statistic_read", "configuration_read",
    *(f"program_{action}" for action in (*_CRUD, "execute")),
    *(f"transmission_{action}" for action in (*_CRUD, "send")),
    *(f"{family}_{action}" for family in ("task", "schedule") for action in ("create", "list", "read", "delete")),
    "spool_read", "spool_list", "result_read", "result_list",
    *(f"{family}_{action}" for family in ("contact", "group") for action in _CRUD),
    "account_list", "account_read", "account_update",
    "user_read", "user_password", "usr_read", "usr_password",
    *(f"campaign_{action}" for action in (*_CRUD, "start", "stop")),
    *(f"{family}_{action}" for family in ("recording", "document", "text", "template") for action in _CRUD),
)  # fmt: skip
"""What ICTCore's ``user`` role may do, less the ``…_admin`` names: with them every user would see everybody's rows."""
