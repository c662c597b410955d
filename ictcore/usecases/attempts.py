"""Sending transmissions, and settling attempts of which nobody knows what became."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ictcore.domain.errors import InvalidInput, NotFound, WrongState
from ictcore.domain.transmission import INBOUND, check_sendable
from ictcore.domain.user import Actor
from ictcore.inbox.accept import Inbox
from ictcore.inbox.settle import settle as inbox_settle
from ictcore.store import sending
from ictcore.usecases.attachments import media
from ictcore.usecases.compilation import compiled
from ictcore.usecases.reports import shown
from ictcore.usecases.system import System, found, require


def send(system: System, actor: Actor, transmission_id: int) -> int:
    """Queue an attempt of a pending or failed transmission; the attempt's id. A dispatcher sends it.

    :raises NotFound: there is no such transmission that the actor sees.
    :raises WrongState: it is under way, done, or can never be sent.
    :raises InvalidInput: its program or an address is wrong; the transmission is ``invalid`` from now on.
    :raises NotSupported: a plugin that it needs is not installed; nothing changed.
    """
    owner = require(actor, "transmission_send", "transmission")
    wrong: InvalidInput | None = None
    with system.store.transaction():
        row = system.rows.transmission.lock(transmission_id, owner)
        if row is None:
            raise NotFound(f"there is no transmission {transmission_id}")
        if row["direction"] == INBOUND:
            raise WrongState("the transmission is inbound")
        check_sendable(row["status"])
        try:
            return queue(system, row, not_before=system.now())
        except InvalidInput as error:
            wrong = error
            sending.make_invalid(system.store, transmission_id, error.message, system.now())
    raise wrong


def queue(system: System, transmission: Mapping[str, Any], *, not_before: float) -> int:
    """Compile a transmission and queue an attempt; the attempt's id. Inside the caller's transaction.

    :param not_before: epoch seconds.
    :raises InvalidInput: its program or an address is wrong; nothing changed.
    :raises NotSupported: a plugin that it needs is not installed.
    :raises WrongState: its program is gone.
    """
    if transmission["program_id"] is None:
        raise WrongState("its program is gone: make a new transmission")
    program = found(system.rows.program, "program", transmission["program_id"], None)
    result = compiled(system, transmission, program)
    order = sending.Order(
        transmission=transmission["transmission_id"],
        owner=transmission["user_id"],
        account=transmission["account_id"],
        flag=transmission["service_flag"],
        source=result.source,
        destination=result.destination,
        plan=result.plan,
        tries=transmission["try_done"] + 1,
        not_before=not_before,
        lane=transmission["campaign_id"] or 0,
    )
    return sending.queue(system.store, order, system.now())


def settle(system: System, actor: Actor, spool_id: int, outcome: Literal["delivered", "failed"]) -> dict[str, Any]:
    """Say what became of an attempt of which nobody knows; the attempt as it is now. No retry follows.

    :raises NotFound: there is no such attempt that the actor sees.
    :raises WrongState: its outcome is known, or is still awaited.
    """
    owner = require(actor, "transmission_send", "transmission")
    if not system.rows.spool.exists(spool_id, owner):
        raise NotFound(f"there is no spool {spool_id}")
    end: Literal["completed", "failed"] = "completed" if outcome == "delivered" else "failed"
    inbox_settle(system.store, system.part(_inbox), spool_id, end, system.now())
    return shown(found(system.rows.spool, "spool", spool_id, owner))


def _inbox(system: System) -> Inbox:
    settings = system.settings
    return Inbox(
        system.store,
        system.registry.services,
        media(system),
        clock=system.clock,
        country=settings["core.country"],
        uncertain_timeout=settings["dispatch.uncertain_timeout"],
    )
