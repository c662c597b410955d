"""Programs: a type that a plugin registered, and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from ictcore.domain.errors import InvalidInput, NotFound, NotSupported
from ictcore.domain.transmission import PENDING, PROCESSING
from ictcore.domain.user import Actor
from ictcore.spec.program import ProgramType
from ictcore.store import sending
from ictcore.store.table import Found, Page
from ictcore.usecases import routes
from ictcore.usecases.fields import check_plain, convert, known_fields
from ictcore.usecases.references import FAMILIES, rows_of, visible
from ictcore.usecases.system import System, found, require

COMMON = frozenset({"name", "type", "parent_id"})
"""What every program has beside its own parameters."""


def program_type(system: System, name: str) -> ProgramType:
    """The registered type.

    :raises NotFound: no installed plugin has it.
    """
    kind = system.registry.programs.get(name)
    if kind is None:
        raise NotFound(f"there is no program type {name[:64]!r}")
    return kind


def create(system: System, actor: Actor, type_name: str, values: Mapping[str, Any]) -> int:
    """Add a program of the actor's, with its inbound routes; its id.

    :param values: ``name`` and ``parent_id``, and the type's own parameters; names that nobody knows are ignored.
    :raises NotFound: no installed plugin has that type.
    :raises InvalidInput: parameters do not fit, or name rows that the actor does not see.
    :raises Conflict: an inbound route that it asks for is taken.
    """
    require(actor, "program_create", "program")
    return insert(system, actor, program_type(system, type_name), values, actor.user_id)


def insert(system: System, actor: Actor, kind: ProgramType, values: Mapping[str, Any], owner: int | None) -> int:
    """As :func:`create`, for ``owner``; no right is checked, but what the actor sees."""
    given = _own(kind, values)
    parameters = convert(given, kind.parameters)
    with system.store.transaction():
        common = _common(system, actor, values)
        row = {
            "name": common.get("name") or kind.name,
            "type": kind.name,
            "parent_id": common.get("parent_id"),
            "parameters": _text(given),
        }
        program_id = system.rows.program.insert(row, owner, system.now())
        _depend(system, actor, kind, program_id, parameters, owner)
    return program_id


def page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the programs that the actor sees."""
    result = system.rows.program.page(wanted, require(actor, "program_list", "program"))
    return replace(result, rows=[shown(row) for row in result.rows])


def get(system: System, actor: Actor, program_id: int) -> dict[str, Any]:
    """One program with its parameters.

    :raises NotFound: there is none that the actor sees.
    """
    return shown(found(system.rows.program, "program", program_id, require(actor, "program_read", "program")))


def update(system: System, actor: Actor, program_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change the named fields; the program as it is now. ``None`` takes a parameter back to its default.

    What is queued already keeps its old plan.

    :raises NotFound: there is none that the actor sees.
    :raises NotSupported: the plugin with its type is not installed any more.
    :raises InvalidInput: the parameters would not fit, or ``type`` is another one.
    :raises Conflict: an inbound route that it asks for is taken.
    """
    owner = require(actor, "program_update", "program")
    with system.store.transaction() as store:
        row = system.rows.program.lock(program_id, owner)
        if row is None:
            raise NotFound(f"there is no program {program_id}")
        kind = system.registry.programs.get(row["type"])
        if kind is None:
            raise NotSupported(f"no installed plugin has the program type {row['type']}")
        if values.get("type") not in (None, kind.name):
            raise InvalidInput(fields={"type": "cannot be changed"})
        merged = _own(kind, {**msgspec.json.decode(row["parameters"]), **values})
        parameters = convert(merged, kind.parameters)
        common = _common(system, actor, values)
        if common.get("parent_id") == program_id:
            raise InvalidInput(fields={"parent_id": "must be another program"})
        store.run("DELETE FROM program_resource WHERE program_id = ?", (program_id,))
        store.run("DELETE FROM route WHERE program_id = ?", (program_id,))
        changes = {**common, "parameters": _text(merged)}
        system.rows.program.update(program_id, changes, owner, system.now())
        _depend(system, actor, kind, program_id, parameters, row["user_id"])
        return shown(found(system.rows.program, "program", program_id, owner))


def delete(system: System, actor: Actor, program_id: int) -> None:
    """Remove a program with its routes and the transmissions that have not ended; those that have stay as history.

    :raises NotFound: there is none that the actor sees.
    :raises WrongState: an attempt of it is on its way.
    """
    owner = require(actor, "program_delete", "program")
    with system.store.transaction():
        if system.rows.program.lock(program_id, owner) is None:
            raise NotFound(f"there is no program {program_id}")
        remove(system, program_id)


def remove(system: System, program_id: int) -> None:
    """As :func:`delete`; no right is checked. Inside the caller's transaction.

    :raises WrongState: an attempt of it is on its way.
    """
    sending.refuse_in_flight(system.store, "program_id", program_id)
    system.store.run("UPDATE program SET parent_id = NULL WHERE parent_id = ?", (program_id,))
    system.store.run(
        "DELETE FROM transmission WHERE program_id = ? AND status IN (?, ?)", (program_id, PENDING, PROCESSING)
    )
    system.rows.program.delete(program_id, None)


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A program as the API shows it: its own parameters stand beside the common fields."""
    row = dict(row)
    own: dict[str, Any] = msgspec.json.decode(row.pop("parameters"))
    return {**own, **row}


def rows_referred_to(
    system: System, kind: ProgramType, parameters: Any, actor: Actor | None = None
) -> dict[str, dict[str, Any]]:
    """Field -> the row that it refers to, for every reference that is set.

    :param actor: he must see them, and they are locked; ``None``: whoever owns them.
    :raises InvalidInput: a row is not there, or the actor does not see it; the field is named.
    """
    rows: dict[str, dict[str, Any]] = {}
    problems: dict[str, str] = {}
    for field, noun in kind.references.items():
        row_id = getattr(parameters, field)
        if row_id is None:
            continue
        try:
            if actor is not None:
                rows[field] = visible(system, actor, field, noun, row_id, lock=True)
                continue
            row = rows_of(system, noun).get(row_id, None) if noun in FAMILIES else None
            if row is None:
                raise InvalidInput(fields={field: f"there is no {noun} {row_id}"})
            rows[field] = row
        except InvalidInput as error:
            problems |= error.fields
    if problems:
        raise InvalidInput(fields=problems)
    return rows


def _depend(
    system: System, actor: Actor, kind: ProgramType, program_id: int, parameters: Any, owner: int | None
) -> None:
    """Note what the program refers to, and put up its inbound routes."""
    rows = rows_referred_to(system, kind, parameters, actor)
    for field in rows:
        system.store.run(
            "INSERT INTO program_resource (program_id, resource_type, resource_id) VALUES (?, ?, ?)",
            (program_id, kind.references[field], getattr(parameters, field)),
        )
    routes.put_up(system, actor, kind, program_id, parameters, rows, owner)


def _own(kind: ProgramType, values: Mapping[str, Any]) -> dict[str, Any]:
    """The type's own parameters among ``values``; ``None`` is left out: the default."""
    names = known_fields(kind.parameters) - COMMON
    own = {name: value for name, value in values.items() if name in names and value is not None}
    for name, value in own.items():
        check_plain(name, value)
    return own


def _common(system: System, actor: Actor, values: Mapping[str, Any]) -> dict[str, Any]:
    common = {name: values[name] for name in ("name", "parent_id") if name in values}
    if common.get("parent_id") is not None:
        visible(system, actor, "parent_id", "program", common["parent_id"])
    return common


def _text(parameters: Mapping[str, Any]) -> str:
    return msgspec.json.encode(parameters).decode()
