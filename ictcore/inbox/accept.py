"""Taking events: stored once, applied to the attempts, all in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from ictcore.domain.attempt import SUBMITTED, SUBMITTING
from ictcore.domain.clock import Clock, epoch, utc_now
from ictcore.domain.errors import GatewayError
from ictcore.domain.event import Delivered, Event, Failed, NotSubmitted, Received, Submitted
from ictcore.inbox.ledger import Ledger
from ictcore.inbox.memory import Memory
from ictcore.inbox.receive import Receiver
from ictcore.spec.service import ServiceType
from ictcore.spec.sink import Refusal
from ictcore.store import attempts, inbox
from ictcore.store.attempts import AttemptRow
from ictcore.store.bulk import clean
from ictcore.store.database import Store
from ictcore.store.media import MediaStore

log = logging.getLogger(__name__)

_UNKEPT: Final = frozenset({Submitted, NotSubmitted, Received})
"""Outcomes of submissions are idempotent by the state machine; what was received has a key of its own."""
_ENDS: Final = frozenset({Delivered, Failed})
"""Not stored either when they answer a submission at once."""
_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass
class Accepted:
    """What became of a batch.

    :ivar refusals: one entry per event, in order; ``None``: taken.
    :ivar good: providers that have answered a submission.
    :ivar failures: providers that have not taken one, with the error.
    :ivar ended: correlation ids whose submission has its outcome.
    :ivar counts: what was done, for metrics: ``completed``, ``failed``, ``repeated``, ``unknown``, ``refused`` …
    """

    refusals: Sequence[Refusal | None] = ()
    good: set[int] = field(default_factory=set)
    failures: list[tuple[int, GatewayError]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class Inbox:
    """Takes events. Safe to use from many threads, as the store is.

    :param services: by name.
    :param media: where files of inbound messages are kept.
    :param country: ISO 3166 code that national numbers of inbound messages belong to, ``""`` for none.
    :param uncertain_timeout: seconds until an uncertain attempt is given up.
    """

    def __init__(
        self,
        store: Store,
        services: Mapping[str, ServiceType],
        media: MediaStore,
        *,
        clock: Clock = utc_now,
        country: str = "",
        uncertain_timeout: float = 24 * 3600.0,
    ) -> None:
        self._store = store
        self._services = {service.flag: service for service in services.values()}
        self._clock = clock
        self._uncertain_timeout = uncertain_timeout
        self._receiver = Receiver(store, services, media, country=country)

    def ledger(self, memory: Memory | None = None, survives: frozenset[int] | None = None) -> Ledger:
        """An empty ledger, for changes that no event brings (time-outs, recovery, an operator)."""
        return Ledger(
            self._services,
            epoch(self._clock()),
            uncertain_timeout=self._uncertain_timeout,
            survives=survives,
            mine=memory.mine if memory else frozenset(),
        )

    def accept(self, events: Sequence[Event]) -> Accepted:
        """Store and apply ``events`` in a transaction of their own. Safe to call again with the same events.

        :raises StoreUnavailable: nothing was kept; call again later.
        """
        with self._store.transaction():
            return self.apply(events)

    def apply(
        self, events: Sequence[Event], memory: Memory | None = None, survives: frozenset[int] | None = None
    ) -> Accepted:
        """Store and apply ``events`` inside the caller's transaction.

        :param memory: attempts whose rows need not be read; ended ones leave it. When the transaction fails, it must be
            cleared.
        :param survives: see :class:`~ictcore.inbox.ledger.Ledger`.
        :raises Stale: what ``memory`` says is not true any more: roll back, clear it, and call again.
        """
        ledger = self.ledger(memory, survives)
        known = memory.rows if memory is not None else {}
        loaded = self._load(events, known)
        keys, fresh = self._keep(events, known, loaded)
        refusals: list[Refusal | None] = [None] * len(events)
        repeated = unknown = refused = received = 0
        for number, event in enumerate(events):
            if isinstance(event, Received):
                refusals[number] = self._receiver.receive(event, epoch(self._clock()))
                refused += refusals[number] is not None
                received += refusals[number] is None
                continue
            key = keys[number] if keys else None
            if key is not None:
                if key not in fresh:
                    repeated += 1
                    continue
                fresh.discard(key)
            row = known.get(event.attempt_id) or loaded.get(event.attempt_id)
            if row is None:
                unknown += 1
                ledger.ended.append(event.attempt_id)
                continue
            ledger.take(row, event)
        ledger.write(self._store)
        for uuid in ledger.ended:
            if (row := known.get(uuid)) is not None and row.state != SUBMITTED:
                del known[uuid]
        counts = {
            "events": len(events), "repeated": repeated, "unknown": unknown, "refused": refused, "received": received,
            "ignored": ledger.ignored, "completed": ledger.completed, "failed": ledger.failed,
            "uncertain": ledger.uncertain, "requeued": ledger.requeued, "retried": ledger.retried,
        }  # fmt: skip
        return Accepted(refusals, ledger.good, ledger.failures, ledger.ended, counts)

    def _load(self, events: Sequence[Event], known: Mapping[str, AttemptRow]) -> dict[str, AttemptRow]:
        """The attempts that the events are about and that are not remembered."""
        missing = {
            event.attempt_id for event in events if not isinstance(event, Received) and event.attempt_id not in known
        }
        return {row.uuid: row for row in attempts.load(self._store, missing)} if missing else {}

    def _keep(
        self, events: Sequence[Event], known: Mapping[str, AttemptRow], loaded: Mapping[str, AttemptRow]
    ) -> tuple[Sequence[str | None], set[str]]:
        """Store what must be recognised when it comes again.

        :returns: the key of each event (``None``: it is not stored; empty: none is), and the keys that are new.
        """
        keys: list[str | None] = []
        kept: list[tuple[str, str, str, float]] = []
        now = epoch(self._clock())
        for event in events:
            key = None
            kind = type(event)
            if kind not in _UNKEPT:
                assert not isinstance(event, Received)
                row = known.get(event.attempt_id) or loaded.get(event.attempt_id)
                if kind not in _ENDS or row is None or row.state != SUBMITTING:
                    key = f"{event.attempt_id}:{kind.__name__}:{event.key}"
                    kept.append((clean(key), kind.__name__, clean(_encode(event).decode()), now))
            keys.append(key and clean(key))
        return (keys, inbox.keep(self._store, kept)) if kept else ((), set())
