"""Transmissions: one program for one contact from one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.errors import Conflict, InvalidInput, NotFound
from ictcore.domain.transmission import PENDING
from ictcore.domain.user import Actor
from ictcore.spec.service import ServiceType
from ictcore.store import sending
from ictcore.store.table import Found, Page
from ictcore.usecases.compilation import normal, type_and_service
from ictcore.usecases.references import visible
from ictcore.usecases.system import System, found, require

_COPIED = (
    "title", "service_flag", "account_id", "contact_id", "program_id", "origin", "direction", "try_allowed",
    "campaign_id",
)  # fmt: skip


def create(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a transmission of the actor's; its id. Nothing is sent yet.

    :param values: ``program_id``; ``contact_id``, or ``phone`` or ``email`` of a contact that is made when there is
        none; ``account_id`` (else the actor's newest active account, if any), ``title``, ``origin``, ``direction``,
        ``service_flag``, ``try_allowed``.
    :raises InvalidInput: something is missing, does not fit, or is not there for the actor.
    """
    require(actor, "transmission_create", "transmission")
    if values.get("program_id") is None:
        raise InvalidInput(fields={"program_id": "is required"})
    with system.store.transaction():
        program = visible(system, actor, "program_id", "program", values["program_id"], lock=True)
        kind, service = type_and_service(system, program)
        if (values.get("service_flag") or service.flag) != service.flag:
            raise InvalidInput(fields={"service_flag": f"the program is of service {service.flag}"})
        row = {
            "title": values.get("title") or program["name"],
            "service_flag": service.flag,
            "account_id": _account(system, actor, values.get("account_id")),
            "contact_id": _contact(system, actor, service, values),
            "program_id": program["program_id"],
            "origin": values.get("origin") or program["type"],
            "direction": values.get("direction") or kind.direction,
            "try_allowed": values.get("try_allowed") or 1,
        }
        return insert(system, actor.user_id, row)


def create_of(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """As :func:`create`, for a program whose id is in the path.

    :raises NotFound: there is no such program that the actor sees.
    """
    require(actor, "transmission_create", "transmission")
    if not system.rows.program.exists(values["program_id"], actor.scope("program")):
        raise NotFound(f"there is no program {values['program_id']}")
    return create(system, actor, values)


def insert(system: System, owner: int | None, row: Mapping[str, Any]) -> int:
    """Add a pending transmission; its id. Nothing is checked."""
    return system.rows.transmission.insert({**row, "status": PENDING}, owner, system.now())


def page(system: System, actor: Actor, wanted: Page, program_id: int | None = None) -> Found:
    """One page of the transmissions that the actor sees.

    :param program_id: only those of this program.
    :raises NotFound: there is no such program that the actor sees.
    """
    owner = require(actor, "transmission_list", "transmission")
    if program_id is None:
        return system.rows.transmission.page(wanted, owner)
    if not system.rows.program.exists(program_id, actor.scope("program")):
        raise NotFound(f"there is no program {program_id}")
    return system.rows.transmission.page(wanted, owner, where=(("program_id = ?", (program_id,)),))


def get(system: System, actor: Actor, transmission_id: int) -> dict[str, Any]:
    """One transmission.

    :raises NotFound: there is none that the actor sees.
    """
    owner = require(actor, "transmission_read", "transmission")
    return found(system.rows.transmission, "transmission", transmission_id, owner)


def delete(system: System, actor: Actor, transmission_id: int) -> None:
    """Remove a transmission with its attempts and their results; a queued attempt is not sent any more.

    :raises NotFound: there is none that the actor sees.
    :raises WrongState: an attempt is on its way.
    """
    owner = require(actor, "transmission_delete", "transmission")
    with system.store.transaction():
        if not system.rows.transmission.exists(transmission_id, owner):
            raise NotFound(f"there is no transmission {transmission_id}")
        # First the attempts, then the transmission, as those who apply events lock them; then what came in between.
        sending.refuse_in_flight(system.store, "transmission_id", transmission_id)
        system.rows.transmission.lock(transmission_id, owner)
        sending.refuse_in_flight(system.store, "transmission_id", transmission_id)
        system.rows.transmission.delete(transmission_id, owner)


def clone(system: System, actor: Actor, transmission_id: int) -> int:
    """A pending copy of a transmission, of the actor's; its id.

    :raises NotFound: there is none that the actor sees.
    :raises Conflict: its contact or its program is gone.
    """
    owner = require(actor, "transmission_read", "transmission")
    actor.require("transmission_create")
    row = found(system.rows.transmission, "transmission", transmission_id, owner)
    if row["contact_id"] is None:
        raise Conflict("its contact is gone: make a new transmission")
    if row["program_id"] is None:
        raise Conflict("its program is gone: make a new transmission")
    return insert(system, actor.user_id, {name: row[name] for name in _COPIED})


def contact_with(system: System, actor: Actor, field: str, address: str, written: str) -> int:
    """The actor's contact with exactly this address; it is made when there is none. Its id.

    :param address: in normal form; ``written``: as it was given, a contact may have it so.
    :raises Forbidden: there is none, and the actor may not make one.
    """
    contact_id = system.store.value(
        f"SELECT id FROM contact WHERE created_by = ? AND {_column(field)} IN (?, ?)"  # noqa: S608
        f" AND {_column(field)} <> '' ORDER BY id LIMIT 1",  # the words of an index
        (actor.user_id, address, written),
    )
    if contact_id is not None:
        return int(contact_id)
    actor.require("contact_create")
    return system.rows.contact.insert({field: address}, actor.user_id, system.now())


def account_for(system: System, actor: Actor) -> int | None:
    """The actor's newest active account, ``None`` when there is none."""
    account_id: int | None = system.store.value(
        "SELECT id FROM account WHERE created_by = ? AND active = 1 ORDER BY id DESC LIMIT 1", (actor.user_id,)
    )
    return account_id


def _account(system: System, actor: Actor, account_id: int | None) -> int | None:
    if account_id is None:
        return account_for(system, actor)
    visible(system, actor, "account_id", "account", account_id)
    return account_id


def _contact(system: System, actor: Actor, service: ServiceType, values: Mapping[str, Any]) -> int:
    given = [name for name in ("contact_id", "phone", "email") if values.get(name) not in (None, "")]
    field = service.address_field
    if not given:
        raise InvalidInput(fields={"contact_id": f"contact_id or {field} is required"})
    if len(given) > 1:
        raise InvalidInput(fields=dict.fromkeys(given, "give one of contact_id, phone and email"))
    if given == ["contact_id"]:
        visible(system, actor, "contact_id", "contact", values["contact_id"])
        return int(values["contact_id"])
    if given != [field]:
        raise InvalidInput(fields={given[0]: f"the program needs {field}"})
    written = str(values[field])
    return contact_with(system, actor, field, normal(system, service, field, written), written)


def _column(field: str) -> str:
    if field not in ("phone", "email"):
        raise ValueError(f"{field} is no address")
    return field
