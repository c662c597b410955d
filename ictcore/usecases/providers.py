"""Providers: the ways to the outside. Running dispatchers notice every change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from ictcore.domain.errors import Conflict, InvalidInput, NotFound
from ictcore.domain.user import Actor
from ictcore.store.table import Found, Page
from ictcore.store.workers import running
from ictcore.usecases.provider_rules import checked, settings_object
from ictcore.usecases.system import System, found, require


def create(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a provider; its id.

    :raises InvalidInput: fields do not fit its type.
    :raises Conflict: there is one of that name.
    """
    require(actor, "provider_create", "provider")
    row = checked(system.registry, {**values, "settings": settings_object(values.get("settings") or {})})
    with system.store.transaction():
        _check_node(system, row)
        try:
            provider_id = system.rows.provider.insert(row, None, system.now())
        except Conflict:
            raise Conflict(f"there is a provider called {row['name']}") from None
        changed = (actor.user_id, _time(system), provider_id)
        system.store.run("UPDATE provider SET created_by = ?, updated_at = ? WHERE id = ?", changed)
    return provider_id


def page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the providers."""
    require(actor, "provider_list", "provider")
    result = system.rows.provider.page(wanted, None)
    return replace(result, rows=_shown(system, result.rows))


def get(system: System, actor: Actor, provider_id: int) -> dict[str, Any]:
    """One provider. Its password is never read.

    :raises NotFound: there is none.
    """
    require(actor, "provider_read", "provider")
    return _shown(system, [found(system.rows.provider, "provider", provider_id, None)])[0]


def update(system: System, actor: Actor, provider_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change the named fields; the provider as it is now. ``settings`` is replaced as a whole.

    :raises NotFound: there is none.
    :raises InvalidInput: fields would not fit its type, or ``type`` is another one.
    :raises Conflict: there is another one of that name.
    """
    require(actor, "provider_update", "provider")
    with system.store.transaction():
        old = system.rows.provider.lock(provider_id, None)
        if old is None:
            raise NotFound(f"there is no provider {provider_id}")
        if values.get("type") not in (None, old["type"]):
            raise InvalidInput(fields={"type": "cannot be changed"})
        secret = system.store.value("SELECT password FROM provider WHERE id = ?", (provider_id,))
        old |= {"settings": msgspec.json.decode(old["settings"]), "password": secret}
        given = {**values, "settings": settings_object(values["settings"] or {})} if "settings" in values else values
        row = checked(system.registry, {**old, **given, "type": old["type"]})
        changes = {name: row[name] for name in values if name != "type"}
        changes |= {name: row[name] for name in ("port", "service_flag", "gateway_flag")}
        _check_node(system, changes)
        try:
            system.rows.provider.update(provider_id, changes, None, _time(system))
        except Conflict:
            raise Conflict(f"there is another provider called {row['name']}") from None
        return _shown(system, [found(system.rows.provider, "provider", provider_id, None)])[0]


def delete(system: System, actor: Actor, provider_id: int) -> None:
    """Remove a provider. Attempts that it carries are still followed to their end.

    :raises NotFound: there is none.
    """
    require(actor, "provider_delete", "provider")
    if not system.rows.provider.delete(provider_id, None):
        raise NotFound(f"there is no provider {provider_id}")


def _time(system: System) -> float:
    """Now, and later than every provider's last change, even where the clocks of two machines differ."""
    latest = system.store.value("SELECT max(updated_at) FROM provider") or 0.0
    return max(system.now(), float(latest) + 0.001)


def _check_node(system: System, row: Mapping[str, Any]) -> None:
    node_id = row.get("node_id")
    if node_id is not None and not system.rows.node.exists(node_id, None):
        raise InvalidInput(fields={"node_id": f"there is no node {node_id}"})


def _shown(system: System, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``settings`` as an object, and how each running dispatcher finds the provider."""
    health: dict[str, list[dict[str, Any]]] = {}
    for _, node, _, _, _, reports, _ in running(system.store, system.now()) if rows else ():
        for report in msgspec.json.decode(reports):
            health.setdefault(report.get("name", ""), []).append({**report, "node": node})
    return [
        {**row, "settings": msgspec.json.decode(row["settings"]), "health": health.get(f"provider:{row['name']}", [])}
        for row in rows
    ]
