"""Settling attempts that nobody reports on: by an operator, or by time."""

from __future__ import annotations

from typing import Literal

from ictcore.domain import cause as causes
from ictcore.domain.attempt import COMPLETED, FAILED, UNCERTAIN, Change
from ictcore.domain.clock import from_epoch
from ictcore.domain.errors import NotFound, WrongState
from ictcore.inbox.accept import Inbox
from ictcore.store import attempts
from ictcore.store.database import Store


def settle(store: Store, inbox: Inbox, spool: int, outcome: Literal["completed", "failed"], now: float) -> None:
    """An operator knows what became of an uncertain attempt. One transaction; no retry follows.

    :param now: epoch seconds.
    :raises NotFound: there is no such attempt.
    :raises WrongState: its outcome is known, or is still awaited.
    """
    with store.transaction():
        found = attempts.state_of(store, spool)
        rows = attempts.load(store, [found[0]]) if found else []
        if not rows:
            raise NotFound("there is no such spool")
        row = rows[0]
        if row.state != UNCERTAIN and not (row.state == FAILED and row.cause == causes.UNCERTAIN):
            raise WrongState("only an uncertain attempt can be settled")
        ledger = inbox.ledger()
        cause = causes.NORMAL if outcome == COMPLETED else causes.UNCERTAIN
        ledger.change(row, _end(outcome, cause, "settled by an operator", now))
        ledger.write(store)


def time_out(store: Store, inbox: Inbox, now: float, limit: int = 1000) -> int:
    """Attempts whose report is missing become uncertain; uncertain ones that nothing settled have failed.

    One transaction; safe to call from many processes. How many were changed.

    :param now: epoch seconds.
    """
    with store.transaction():
        rows = attempts.overdue(store, now, limit)
        if not rows:
            return 0
        ledger = inbox.ledger()
        for row in rows:
            if row.state == UNCERTAIN:
                ledger.change(row, _end(FAILED, causes.UNCERTAIN, "its outcome could not be learnt", now))
            else:
                ledger.doubt(row, "no report came in time")
        ledger.write(store)
        return len(rows)


def _end(state: str, cause: str, reason: str, now: float) -> Change:
    return Change(
        state=state, cause=cause, response=reason, ended_at=from_epoch(now), results=(("info", "end", reason),)
    )
