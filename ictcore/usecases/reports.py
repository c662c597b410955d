"""What became of transmissions: their status, attempts and results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ictcore.domain import attempt
from ictcore.domain.clock import from_epoch
from ictcore.domain.errors import NotFound
from ictcore.domain.user import Actor
from ictcore.store.table import Found, Page
from ictcore.usecases.system import System, found, require

_OF_TRANSMISSION = "transmission_id = ?"
_OF_ATTEMPTS = "spool_id IN (SELECT id FROM spool WHERE transmission_id = ?)"


def status(system: System, actor: Actor, transmission_id: int) -> str:
    """The status of a transmission.

    :raises NotFound: there is none that the actor sees.
    """
    return str(_transmission(system, actor, transmission_id)["status"])


def attempts(system: System, actor: Actor, transmission_id: int, wanted: Page) -> Found:
    """One page of the attempts of a transmission, the oldest first.

    :raises NotFound: there is no such transmission that the actor sees.
    """
    actor.require("spool_read")
    _transmission(system, actor, transmission_id)
    result = system.rows.spool.page(wanted, None, where=((_OF_TRANSMISSION, (transmission_id,)),))
    return replace(result, rows=[shown(row) for row in result.rows])


def results(system: System, actor: Actor, transmission_id: int, wanted: Page) -> Found:
    """One page of the results of all attempts of a transmission, the oldest first.

    :raises NotFound: there is no such transmission that the actor sees.
    """
    actor.require("result_read")
    _transmission(system, actor, transmission_id)
    return system.rows.result.page(wanted, None, where=((_OF_ATTEMPTS, (transmission_id,)),))


def spool_page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the attempts that the actor sees."""
    result = system.rows.spool.page(wanted, require(actor, "spool_list", "spool"))
    return replace(result, rows=[shown(row) for row in result.rows])


def spool(system: System, actor: Actor, spool_id: int) -> dict[str, Any]:
    """One attempt.

    :raises NotFound: there is none that the actor sees.
    """
    return shown(found(system.rows.spool, "spool", spool_id, require(actor, "spool_read", "spool")))


def spool_results(system: System, actor: Actor, spool_id: int, wanted: Page) -> Found:
    """One page of the results of an attempt, the oldest first.

    :raises NotFound: there is no such attempt that the actor sees.
    """
    actor.require("result_read")
    if not system.rows.spool.exists(spool_id, require(actor, "spool_read", "spool")):
        raise NotFound(f"there is no spool {spool_id}")
    return system.rows.result.page(wanted, None, where=(("spool_id = ?", (spool_id,)),))


def explain(system: System, actor: Actor, transmission_id: int) -> dict[str, Any]:
    """Why a transmission has not been sent yet, or how it ended: facts, and one sentence for people.

    :raises NotFound: there is none that the actor sees.
    """
    actor.require("spool_read")
    row = _transmission(system, actor, transmission_id)
    newest = Page(limit=1, sort=(("spool_id", True),))
    last = system.rows.spool.page(newest, None, where=((_OF_TRANSMISSION, (transmission_id,)),)).rows
    facts: dict[str, Any] = {"transmission_id": transmission_id, "status": row["status"]}
    if not last:
        reason = f"it cannot be sent: {row['response']}" if row["status"] == "invalid" else "nobody has sent it"
        return {**facts, "spool_id": None, "state": None, "explanation": reason}
    spool = last[0]
    names = ("spool_id", "state", "tries", "not_before", "waiting_for", "cause", "response", "time_start", "time_end")
    return {**facts, **{name: spool[name] for name in names}, "explanation": _sentence(spool, system.now())}


def _sentence(spool: dict[str, Any], now: float) -> str:
    state = spool["state"]
    if state == attempt.QUEUED:
        if spool["waiting_for"]:
            return f"it waits: {spool['waiting_for']}"
        if spool["not_before"] > now:
            return f"it waits for its time, {from_epoch(spool['not_before']):%Y-%m-%d %H:%M:%S} UTC"
        return "it waits for a dispatcher"
    if state in (attempt.CLAIMED, attempt.SUBMITTING):
        return "it is being handed to the gateway"
    if state == attempt.SUBMITTED:
        return "the far side has it, and its report is awaited"
    if state == attempt.UNCERTAIN:
        return "it may have been sent, and nobody knows: a late report, somebody's word or time will settle it"
    if state == attempt.COMPLETED:
        return "it was delivered"
    return f"it failed: {spool['cause'] or 'no cause is known'}{', ' + spool['response'] if spool['response'] else ''}"


def _transmission(system: System, actor: Actor, transmission_id: int) -> dict[str, Any]:
    owner = require(actor, "transmission_read", "transmission")
    return found(system.rows.transmission, "transmission", transmission_id, owner)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """An attempt as the API shows it: with the contract's ``status`` beside the finer ``state``."""
    return {**row, "status": attempt.CONTRACT_STATUS[row["state"]]}
