"""The operations, one file per noun. :data:`OPERATIONS` is the whole API, but for what plugins bring: see
:func:`operations_for`."""

from __future__ import annotations

from ictcore.api.operation import Operation
from ictcore.api.resources import (
    accounts,
    authenticate,
    contact_csv,
    contacts,
    groups,
    health,
    metrics,
    openapi,
    permissions,
    plugins,
    programs,
    providers,
    reports,
    roles,
    send,
    subscriptions,
    template_media,
    templates,
    texts,
    transmissions,
    users,
)
from ictcore.plugins import Registry

OPERATIONS: tuple[Operation, ...] = (
    *accounts.OPERATIONS,
    *authenticate.OPERATIONS,
    *contact_csv.OPERATIONS,
    *contacts.OPERATIONS,
    *groups.OPERATIONS,
    *health.OPERATIONS,
    *metrics.OPERATIONS,
    *openapi.OPERATIONS,
    *permissions.OPERATIONS,
    *plugins.OPERATIONS,
    *programs.OPERATIONS,
    *providers.OPERATIONS,
    *reports.OPERATIONS,
    *roles.OPERATIONS,
    *send.OPERATIONS,
    *subscriptions.OPERATIONS,
    *template_media.OPERATIONS,
    *templates.OPERATIONS,
    *texts.OPERATIONS,
    *transmissions.OPERATIONS,
    *users.OPERATIONS,
)


def operations_for(registry: Registry) -> tuple[Operation, ...]:
    """The whole API of a system: :data:`OPERATIONS`, and one more for each program type that is registered."""
    return (*OPERATIONS, *programs.operations_for(registry))
