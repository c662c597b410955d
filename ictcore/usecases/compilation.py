"""A transmission and its program, compiled to what a gateway can send: plan, source and destination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ictcore.domain.errors import InvalidInput, NotSupported
from ictcore.domain.plan import Plan, check
from ictcore.spec.program import Compilation, ProgramType
from ictcore.spec.service import ServiceType
from ictcore.usecases import attachments
from ictcore.usecases.fields import convert
from ictcore.usecases.programs import rows_referred_to, shown
from ictcore.usecases.system import System

_NO_TOKENS = frozenset({"settings", "parameters"})
"""Columns that tokens cannot reach. Passwords are never read at all."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is to be sent, to whom, and from whom (``source`` is ``""`` when the account has no address)."""

    plan: Plan
    source: str
    destination: str


def type_and_service(system: System, program: Mapping[str, Any]) -> tuple[ProgramType, ServiceType]:
    """The plugins' objects for a program row.

    :raises NotSupported: one of them is not installed.
    """
    kind = system.registry.programs.get(program["type"])
    if kind is None:
        raise NotSupported(f"no installed plugin has the program type {program['type']}")
    return kind, service_called(system, kind.service)


def service_called(system: System, name: str) -> ServiceType:
    """The service.

    :raises NotSupported: no installed plugin has it.
    """
    service = system.registry.services.get(name)
    if service is None:
        raise NotSupported(f"no installed plugin has the service {name}")
    return service


def compiled(system: System, transmission: Mapping[str, Any], program: Mapping[str, Any]) -> Compiled:
    """Compile now, with the rows as they are now. Runs inside the caller's transaction and changes nothing.

    :raises InvalidInput: it cannot be sent: the program or an address is wrong; the field is named.
    :raises NotSupported: a plugin is not installed.
    """
    kind, service = type_and_service(system, program)
    contact = _row(system.rows.contact, transmission["contact_id"])
    account = _row(system.rows.account, transmission["account_id"])
    destination = address_of(system, service, contact)
    source = _source(system, service, account)
    parameters = convert(msgspec.json.decode(program["parameters"]), kind.parameters)
    rows = rows_referred_to(system, kind, parameters)
    for field, noun in kind.references.items():
        if noun == "template" and field in rows:
            template_id = rows[field]["template_id"]
            rows[field]["attachments"] = attachments.of_many(system, [template_id], digests=True).get(template_id, [])
    tokens = _tokens(system, transmission, program, contact, account)
    plan = check(kind.compile(Compilation(parameters, rows, tokens)))
    return Compiled(plan, source, destination)


def address_of(system: System, service: ServiceType, contact: Mapping[str, Any] | None) -> str:
    """The contact's address for a service, in its normal form.

    :raises InvalidInput: it has none, or one that cannot be; the field is ``phone`` or ``email``.
    """
    field = service.address_field
    if contact is None:
        raise InvalidInput(fields={"contact_id": "the contact is gone"})
    if not contact[field]:
        raise InvalidInput(fields={field: f"contact {contact['contact_id']} has none"})
    return normal(system, service, field, contact[field])


def normal(system: System, service: ServiceType, field: str, address: str) -> str:
    """The normal form of an address of ``service``.

    :raises InvalidInput: it cannot be one; the field is ``field``.
    """
    try:
        return service.normalize(address, system.settings["core.country"])
    except InvalidInput as error:
        raise InvalidInput(fields={field: error.message}) from None


def _source(system: System, service: ServiceType, account: Mapping[str, Any] | None) -> str:
    """Our side."""
    address = account[service.address_field] if account is not None else ""
    if not address:
        return ""
    try:
        return service.normalize_source(address, system.settings["core.country"])
    except InvalidInput as error:
        field = service.address_field
        raise InvalidInput(fields={"account_id": f"the account's {field} cannot be used: {error.message}"}) from None


def _row(rows: Any, row_id: int | None) -> dict[str, Any] | None:
    return None if row_id is None else rows.get(row_id, None)


def _tokens(
    system: System,
    transmission: Mapping[str, Any],
    program: Mapping[str, Any],
    contact: Mapping[str, Any] | None,
    account: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """``[contact:…]`` and the older spelling ``[transmission:contact:…]``; likewise for the others."""
    contact, account = _plain(contact or {}), _plain(account or {})
    outbound = transmission["direction"] != "inbound"
    sides = {"source": account, "destination": contact} if outbound else {"source": contact, "destination": account}
    user = _row(system.rows.user, transmission["user_id"])
    return {
        "contact": contact,
        "account": account,
        "transmission": {**_plain(transmission), "contact": contact, "account": account, **sides},
        "program": _plain(shown(program)),
        "user": _plain(user or {}),
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _NO_TOKENS}
