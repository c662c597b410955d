"""Taking over what a dead dispatcher held."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ictcore.dispatch.lease import is_gone
from ictcore.domain.attempt import CLAIMED, SUBMITTED, SUBMITTING, Change
from ictcore.domain.clock import Clock, epoch
from ictcore.inbox.accept import Inbox
from ictcore.spec.gateway import Gateway, Reconciliation
from ictcore.store import attempts, workers
from ictcore.store.attempts import AttemptRow
from ictcore.store.database import Store

log = logging.getLogger(__name__)

GRACE = 1.0 / 3.0
"""Part of the lease that is waited beyond its end: clocks of machines differ a little."""


class Recovery:
    """Finds dispatchers that died and puts what they held in order.

    ``claimed`` goes back to the queue. ``submitting`` (and ``submitted``, where reports do not survive) is asked after
    at the gateway, when that is here: certainly not sent goes back to the queue, living on stays ``submitted``, what
    the gateway tells is applied, and the rest becomes ``uncertain``.

    :param node: whose dispatchers to look after; ``None``: every node's, without gateways (the scheduler).
    :param gateway_of: the gateway that a provider belongs to, when it is here.
    :param lease: seconds.
    """

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        *,
        node: int | None,
        lease: float,
        clock: Clock,
        gateway_of: Callable[[int], tuple[str, Gateway] | None] = lambda provider: None,
        checkpoint: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._node = node
        self._lease = lease
        self._clock = clock
        self._gateway_of = gateway_of
        self._checkpoint = checkpoint

    def run(self, me: int | None = None) -> int:
        """Recover from every dead dispatcher; how many attempts were put in order. Safe to run from many processes.

        :param me: id of the caller's own worker row.
        :raises StoreUnavailable: the database cannot be used; call again.
        """
        now = epoch(self._clock())
        # A node's own dispatchers can ask its gateways, so the scheduler leaves them time to come back.
        patience = self._lease * (GRACE if self._node is not None else 4.0) + (60.0 if self._node is None else 0.0)
        done = 0
        for worker, _, name, lease_until in workers.others(self._store, self._node, me):
            gone = is_gone(name) and self._node is not None
            if gone or lease_until + patience < now:
                done += self._take_over(worker, gone=gone)
        for worker in workers.orphans(self._store):
            if worker != me:
                done += self._take_over(worker, gone=False, orphan=True)
        return done

    def _take_over(self, worker: int, *, gone: bool, orphan: bool = False) -> int:
        held = attempts.held_by(self._store, worker)
        answers = self._ask(held)
        with self._store.transaction():
            if not workers.remove(self._store, worker) and not orphan:
                return 0  # somebody else was faster, or it is alive after all
            self._checkpoint("recovering")
            rows = {row.uuid: row for row in attempts.load(self._store, [row.uuid for row in held])}
            rows = {uuid: row for uuid, row in rows.items() if row.worker == worker}
            events = [event for answer in answers for event in answer.events]
            never = frozenset(uuid for answer in answers for uuid in answer.never_sent) if gone else frozenset()
            pending = frozenset(uuid for answer in answers for uuid in answer.pending)
            told = {getattr(event, "attempt_id", "") for event in events}
            ledger = self._inbox.ledger()
            for row in rows.values():
                if row.state == CLAIMED or (row.state == SUBMITTING and row.uuid in never):
                    ledger.requeue(row, "")
                elif row.state == SUBMITTING and row.uuid in pending:
                    ledger.change(row, Change(state=SUBMITTED))
                elif row.state in (SUBMITTING, SUBMITTED) and row.uuid not in told and row.uuid not in pending:
                    ledger.doubt(row, "its dispatcher died and the gateway does not know what became of it")
            ledger.write(self._store)
            self._inbox.apply(events)
        self._checkpoint("recovered")
        log.warning("took over %d attempts of the dead dispatcher %d", len(rows), worker)
        return len(rows)

    def _ask(self, held: Sequence[AttemptRow]) -> list[Reconciliation]:
        """What the gateways know. Outside any transaction: it may take seconds."""
        ids: dict[str, list[str]] = {}
        gateways: dict[str, Gateway] = {}
        for row in held:
            found = self._gateway_of(row.provider) if row.provider is not None else None
            if found is not None and row.state in (SUBMITTING, SUBMITTED):
                ids.setdefault(found[0], []).append(row.uuid)
                gateways[found[0]] = found[1]
        return [self._reconciled(name, gateway, ids[name]) for name, gateway in gateways.items()]

    def _reconciled(self, name: str, gateway: Gateway, ids: Sequence[str]) -> Reconciliation:
        try:
            return gateway.reconcile(ids)
        except Exception:
            log.exception("the gateway %s cannot say what became of %d attempts", name, len(ids))
            return Reconciliation()


def gateway_finder(
    gateways: Mapping[str, Gateway], name_of: Callable[[int], str | None]
) -> Callable[[int], tuple[str, Gateway] | None]:
    """The function that finds a provider's gateway, from the one that finds its name."""

    def find(provider: int) -> tuple[str, Gateway] | None:
        name = name_of(provider)
        return (name, gateways[name]) if name is not None and name in gateways else None

    return find
