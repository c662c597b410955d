"""Inbound routes: which program answers which number or address. They live and die with their programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.errors import Conflict, InvalidInput, NotSupported
from ictcore.domain.user import Actor
from ictcore.spec.program import ProgramType, RouteRequest
from ictcore.spec.service import ServiceType
from ictcore.usecases.system import System


def put_up(
    system: System,
    actor: Actor,
    kind: ProgramType,
    program_id: int,
    parameters: Any,
    rows: Mapping[str, Mapping[str, Any]],
    owner: int | None,
) -> None:
    """Make the routes that a program asks for. Inside the caller's transaction.

    :param rows: the rows that its parameters refer to.
    :raises InvalidInput: a number or address is none of the service.
    :raises Conflict: another program has the route; the message names it when the actor sees it.
    :raises NotSupported: no installed plugin has the service.
    """
    account_id = next((getattr(parameters, field) for field in rows if kind.references[field] == "account"), None)
    for request in kind.routes(parameters, rows):
        service = system.registry.services.get(request.service)
        if service is None:
            raise NotSupported(f"no installed plugin has the service {request.service}")
        called = _normal(system, service, request, account_id, parameters)
        keyword = request.keyword.lower()
        _refuse_taken(system, actor, service.flag, called, keyword, account_id)
        system.store.run(
            "INSERT INTO route (created_by, created_at, service_flag, called, keyword, program_id, account_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (owner, system.now(), service.flag, called, keyword, program_id, account_id),
        )


def _normal(
    system: System, service: ServiceType, request: RouteRequest, account_id: int | None, parameters: Any
) -> str:
    if not request.called:
        return ""
    try:
        return service.normalize(request.called, system.settings["core.country"])
    except InvalidInput as error:
        own = getattr(parameters, service.address_field, "")
        field = service.address_field if own or account_id is None else "account_id"
        raise InvalidInput(fields={field: f"its {service.address_field} cannot be used: {error.message}"}) from None


def _refuse_taken(system: System, actor: Actor, flag: int, called: str, keyword: str, account_id: int | None) -> None:
    """The first to ask for a number has it."""
    row = system.store.row(
        "SELECT program.id, program.name, program.created_by FROM route JOIN program ON program.id = route.program_id"
        " WHERE route.service_flag = ? AND route.called = ? AND route.keyword = ?"
        " AND (route.called <> '' OR coalesce(route.account_id, 0) = ?) LIMIT 1",
        (flag, called, keyword, account_id or 0),
    )
    if row is None:
        return
    what = f"{called or 'every number or address'}{f' with the word {keyword}' if keyword else ''}"
    scope = actor.scope("program")
    who = f"program {row[0]} ({row[1]})" if scope is None or scope == row[2] else "a program of another user"
    raise Conflict(f"{what} is answered by {who} already")
