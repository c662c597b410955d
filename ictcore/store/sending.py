"""The way of a transmission into the queue, and out of it again. Times are epoch seconds.

Everything here runs inside the caller's transaction, so that the transmission and its attempt change together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ictcore.domain.attempt import IN_FLIGHT
from ictcore.domain.errors import WrongState
from ictcore.domain.ids import new_attempt_id
from ictcore.domain.plan import Plan
from ictcore.store.database import Store
from ictcore.store.plans import dump_plan
from ictcore.store.queue import wake


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be sent.

    :ivar tries: which attempt of its transmission this is, from 1.
    :ivar lane: the campaign's id, 0 for single sends.
    :ivar not_before: when it may leave, epoch seconds.
    """

    transmission: int
    owner: int | None
    account: int | None
    flag: int
    source: str
    destination: str
    plan: Plan
    tries: int
    not_before: float
    lane: int = 0


def queue(store: Store, order: Order, now: float) -> int:
    """Queue an attempt and set its transmission to ``processing``; the attempt's id."""
    spool: int = store.value(
        "INSERT INTO spool (uuid, transmission_id, created_by, account_id, service_flag, lane, state, not_before,"
        " tries, source, destination, plan, time_spool) VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        (
            new_attempt_id(), order.transmission, order.owner, order.account, order.flag, order.lane, order.not_before,
            order.tries, order.source, order.destination, dump_plan(order.plan), now,
        ),
    )  # fmt: skip
    store.run(
        "UPDATE transmission SET status = 'processing', response = '', try_done = ?, last_run = ?, updated_at = ?"
        " WHERE id = ?",
        (order.tries, now, now, order.transmission),
    )
    wake(store)
    return spool


def make_invalid(store: Store, transmission: int, reason: str, now: float) -> None:
    """The transmission can never be sent."""
    store.run(
        "UPDATE transmission SET status = 'invalid', response = ?, updated_at = ? WHERE id = ?",
        (reason, now, transmission),
    )


def refuse_in_flight(store: Store, key: Literal["transmission_id", "program_id"], row_id: int) -> None:
    """Check that no attempt of a transmission, or of a program, is on its way; queued ones stay where they are until
    the transaction ends.

    :raises WrongState: one is.
    """
    which = "= ?" if key == "transmission_id" else "IN (SELECT id FROM transmission WHERE program_id = ?)"
    lock = "" if store.is_sqlite else " ORDER BY id FOR UPDATE"
    open_states = "('queued', 'claimed', 'submitting', 'submitted', 'uncertain')"
    rows = store.rows(
        f"SELECT id, state FROM spool WHERE transmission_id {which} AND state IN {open_states}{lock}",  # noqa: S608
        (row_id,),
    )
    busy = [spool for spool, state in rows if state in IN_FLIGHT]
    if busy:
        raise WrongState(f"attempt {busy[0]} is on its way")
