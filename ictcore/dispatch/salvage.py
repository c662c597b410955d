"""Taking events one by one, when a batch of them cannot be applied."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ictcore.dispatch.desk import Desk
from ictcore.dispatch.lease import LostLease
from ictcore.domain.errors import StoreUnavailable
from ictcore.domain.event import Event
from ictcore.inbox.memory import Memory
from ictcore.spec.sink import Refusal

log = logging.getLogger(__name__)


def one_by_one(desk: Desk, events: Sequence[Event]) -> list[Refusal | None]:
    """Apply each event in a transaction of its own; one that cannot be applied is logged, counted and left out, so that
    it does not keep all others from being taken for ever.

    :returns: a refusal or ``None`` for each event.
    :raises StoreUnavailable: the database cannot be used; calling again with the same events is safe.
    :raises LostLease: others have taken over.
    """
    refusals: list[Refusal | None] = []
    for event in events:
        memory = Memory()
        memory.mine = desk.memory.mine
        try:
            with desk.store.transaction():
                desk.lease.check()
                accepted = desk.inbox.apply([event], memory, desk.lines.survives)
        except (StoreUnavailable, LostLease):
            raise
        except Exception:
            log.exception("an event of class %s cannot be applied; it is left out", type(event).__name__)
            desk.counters.add("broken", 1)
            refusals.append(None)
        else:
            desk.judge(accepted)
            desk.settle(accepted)
            refusals += accepted.refusals
    return refusals
