"""The operations, one file per noun. :data:`OPERATIONS` is the whole API."""

from __future__ import annotations

from ictcore.api.operation import Operation
from ictcore.api.resources import authenticate, contacts, health, permissions, plugins, roles, users

OPERATIONS: tuple[Operation, ...] = (
    *authenticate.OPERATIONS,
    *contacts.OPERATIONS,
    *health.OPERATIONS,
    *permissions.OPERATIONS,
    *plugins.OPERATIONS,
    *roles.OPERATIONS,
    *users.OPERATIONS,
)
