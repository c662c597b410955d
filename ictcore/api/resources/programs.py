"""``/programs``: one way to create for every type that a plugin registered, and the rest for all"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import Id, Line, Moment, Name, Struct
from ictcore.domain.errors import NotSupported
from ictcore.plugins import Registry
from ictcore.spec.program import ProgramType
from ictcore.usecases import programs
from ictcore.usecases.fields import convert


class Common(Struct):
    """What every program has. Without a name it is called as its type."""

    name: Name | UnsetType | None = UNSET
    type: Line | UnsetType | None = UNSET
    parent_id: Id | UnsetType | None = UNSET


class Program(Struct):
    """A program; the parameters of its type stand beside these fields."""

    program_id: int
    name: str
    type: str
    parent_id: int | None
    user_id: int | None
    date_created: Moment
    last_updated: Moment | None


class ProgramId(Struct):
    """The new program's id."""

    program_id: int


def _create(call: Call, type_name: str) -> Any:
    values = {name: value for name, value in msgspec.to_builtins(call.body).items() if value is not UNSET}
    return {"program_id": programs.create(call.system, call.actor, type_name, values)}


def _create_any(call: Call) -> Any:
    type_name = call.body.get("type")
    if not isinstance(type_name, str) or type_name not in call.system.registry.programs:
        call.actor.require("program_create")
        raise NotSupported("a program is created at /programs/{type}, or here with a type that is installed")
    return {"program_id": programs.create(call.system, call.actor, type_name, _checked(call.body))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(programs.page(call.system, call.actor, page), page)


def _get(call: Call) -> Any:
    return programs.get(call.system, call.actor, call.ids["program_id"])


def _update(call: Call) -> Any:
    return programs.update(call.system, call.actor, call.ids["program_id"], _checked(call.body))


def _delete(call: Call) -> Any:
    programs.delete(call.system, call.actor, call.ids["program_id"])
    return True


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """A body whose type's own parameters the use case checks."""
    common = convert({name: body[name] for name in programs.COMMON if name in body}, Common)
    values = {name: value for name, value in body.items() if name not in programs.COMMON}
    for name in programs.COMMON:
        value = getattr(common, name)
        if value is not UNSET and not (name == "name" and value is None):
            values[name] = value
    return values


def body_of(kind: ProgramType) -> type[msgspec.Struct]:
    """The request that creates a program of this type: the common fields, and its own parameters."""
    own = [
        (
            field.name,
            field.type if field.required else field.type | UnsetType | None,
            msgspec.field(name=field.encode_name) if field.required
            else msgspec.field(default=UNSET, name=field.encode_name),
        )
        for field in msgspec.structs.fields(kind.parameters)
        if field.encode_name not in programs.COMMON
    ]  # fmt: skip
    name = f"Program{kind.name.capitalize()}"
    return msgspec.defstruct(name, own, bases=(Common,), kw_only=True, namespace={"__doc__": kind.parameters.__doc__})


def operations_for(registry: Registry) -> tuple[Operation, ...]:
    """``POST /programs/{type}`` for every registered type."""
    return tuple(_operation(kind) for kind in registry.programs.values())


def _operation(kind: ProgramType) -> Operation:
    return Operation(
        f"programs.{kind.name}.create",
        "POST",
        f"/programs/{kind.name}",
        lambda call: _create(call, kind.name),
        f"Create a program of type {kind.name}",
        ("program_create",),
        body=body_of(kind),
        answer=ProgramId,
        errors=frozenset({417, 501}),
    )


_MISSING = frozenset({404})
_ONE = "/programs/{program_id}"
_REFERENCES = ("account_id", "text_id", "template_id", "document_id", "recording_id")

OPERATIONS = (
    Operation("programs.create_dummy", "POST", "/programs", _create_any, "Create a program of the type in the body",
              ("program_create",), body=dict[str, Any], answer=ProgramId, errors=frozenset({417, 501})),
    Operation("programs.list", "GET", "/programs", _list, "Get all programs", ("program_list",), answer=list[Program],
              query=PAGING, filters=(*Program.__struct_fields__, *_REFERENCES, "before", "after")),
    Operation("programs.get", "GET", _ONE, _get, "View a program", ("program_read",), answer=Program, errors=_MISSING),
    Operation("programs.update", "PUT", _ONE, _update, "Change a program", ("program_update",), body=dict[str, Any],
              answer=Program, errors=frozenset({404, 417, 501})),
    Operation("programs.delete", "DELETE", _ONE, _delete, "Delete a program with its transmissions",
              ("program_delete",), answer=bool, errors=frozenset({404, 423})),
)  # fmt: skip
