"""``/providers``"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import NO_CONTROL, Flag, Id, Line, Moment, Prose, Struct, given, partial
from ictcore.usecases import providers

Mask = Annotated[int, Meta(ge=0, le=255)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Weight = Annotated[int, Meta(ge=0, le=1_000_000)]
Rate = Annotated[float, Meta(ge=0, le=1_000_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
ProviderName = Annotated[str, Meta(min_length=1, max_length=63, pattern=NO_CONTROL)]
Prefix = Line | Annotated[int, Meta(ge=0, le=10**15)]
"""Digits to dial before a number, or ``remove|add`` pairs."""
Settings = dict[str, Any] | Annotated[str, Meta(max_length=65_536)]


class ProviderIn(Struct):
    """A way to the outside. ``settings`` are those of its type, as an object or as JSON text.

    ``per_second`` and ``concurrent`` limit it (0: no limit); of two providers the lighter ``weight`` is used more.
    """

    name: ProviderName
    type: Line
    gateway_flag: Mask | UnsetType = UNSET
    service_flag: Mask | UnsetType = UNSET
    node_id: Id | UnsetType | None = UNSET
    host: Line | UnsetType | None = UNSET
    port: Port | UnsetType = UNSET
    username: Line | UnsetType | None = UNSET
    password: Line | UnsetType | None = UNSET
    dialstring: Line | UnsetType | None = UNSET
    prefix: Prefix | UnsetType | None = UNSET
    settings: Settings | UnsetType | None = UNSET
    description: Prose | UnsetType | None = UNSET
    register: Flag | UnsetType = UNSET
    weight: Weight | UnsetType = UNSET
    active: Flag | UnsetType = UNSET
    per_second: Rate | UnsetType = UNSET
    concurrent: Count | UnsetType = UNSET


ProviderPatch = partial(ProviderIn, "ProviderPatch")


class ProviderHealth(Struct):
    """How a running dispatcher finds a provider. ``fault`` is empty when it is well."""

    node: str
    name: str
    fault: str
    detail: dict[str, Any]


class Provider(Struct):
    """A way to the outside. Its password is never shown."""

    provider_id: int
    name: str
    type: str
    gateway_flag: int
    service_flag: int
    node_id: int | None
    host: str
    port: int
    username: str
    dialstring: str
    prefix: str
    settings: dict[str, Any]
    description: str
    register: int
    weight: int
    active: int
    per_second: float
    concurrent: int
    user_id: int | None
    date_created: Moment
    last_updated: Moment | None
    health: list[ProviderHealth]


class ProviderId(Struct):
    """The new provider's id."""

    provider_id: int


def _given(call: Call) -> dict[str, Any]:
    values = given(call.body)
    if "prefix" in values:
        values["prefix"] = str(values["prefix"])
    return values


def _create(call: Call) -> Any:
    return {"provider_id": providers.create(call.system, call.actor, _given(call))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(providers.page(call.system, call.actor, page), page)


def _get(call: Call) -> Any:
    return providers.get(call.system, call.actor, call.ids["provider_id"])


def _update(call: Call) -> Any:
    return providers.update(call.system, call.actor, call.ids["provider_id"], _given(call))


def _delete(call: Call) -> Any:
    providers.delete(call.system, call.actor, call.ids["provider_id"])
    return True


_MISSING = frozenset({404})
_ONE = "/providers/{provider_id}"
_FILTERS = (*(name for name in Provider.__struct_fields__ if name not in ("settings", "health")), "before", "after")

OPERATIONS = (
    Operation("providers.create", "POST", "/providers", _create, "Create a provider", ("provider_create",),
              body=ProviderIn, answer=ProviderId, errors=frozenset({417, 501})),
    Operation("providers.list", "GET", "/providers", _list, "Get all providers", ("provider_list",),
              answer=list[Provider], query=PAGING, filters=_FILTERS),
    Operation("providers.get", "GET", _ONE, _get, "View a provider", ("provider_read",), answer=Provider,
              errors=_MISSING),
    Operation("providers.update", "PUT", _ONE, _update, "Change a provider", ("provider_update",), body=ProviderPatch,
              answer=Provider, errors=frozenset({404, 417, 501})),
    Operation("providers.delete", "DELETE", _ONE, _delete, "Delete a provider", ("provider_delete",), answer=bool,
              errors=_MISSING),
)  # fmt: skip
