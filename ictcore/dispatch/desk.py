"""What the parts of one dispatcher share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ictcore.dispatch.counters import Counters
from ictcore.dispatch.handover import Handovers
from ictcore.dispatch.lease import Lease
from ictcore.dispatch.lines import Lines
from ictcore.dispatch.sink import QueueSink
from ictcore.domain.clock import Clock, epoch
from ictcore.domain.errors import GatewayError
from ictcore.inbox.accept import Accepted, Inbox
from ictcore.inbox.memory import Memory
from ictcore.spec.gateway import Gateway, Health
from ictcore.spec.settings import Settings
from ictcore.store.database import Store


@dataclass
class Desk:
    """The state of a dispatcher that runs.

    :ivar memory: attempts whose rows need not be read; ``handed``: those whose submission has no outcome yet.
    :ivar blocked: service flag -> why nothing of it can leave now.
    :ivar fault: why the database cannot be used, ``""`` when it can.
    :ivar doubt: whether the last transaction was committed is not known.
    :ivar look_at: epoch seconds when the queue is worth another look.
    """

    store: Store
    inbox: Inbox
    gateways: Mapping[str, Gateway]
    settings: Settings
    clock: Clock
    node: int
    lines: Lines
    lease: Lease
    sink: QueueSink
    counters: Counters
    memory: Memory = field(default_factory=Memory)
    handed: Handovers = field(default_factory=Handovers)
    blocked: dict[int, str] = field(default_factory=dict)
    doubt: bool = False
    look_at: float = 0.0

    def now(self) -> float:
        """Now as epoch seconds."""
        return epoch(self.clock())

    def begin(self) -> None:
        """Take a new lease, and forget what was remembered under the old one.

        :raises StoreUnavailable: the database cannot be used.
        """
        self.memory.clear()
        self.memory.mine.add(self.lease.begin())

    def uncertain(self) -> None:
        """The fate of the last transaction is not known: look at the rows themselves."""
        self.memory.clear()
        self.doubt = True

    def settle(self, accepted: Accepted) -> None:
        """What committed events say about our own handovers."""
        self.handed.forget(accepted.ended)
        self.counters.take(accepted.counts)

    def judge(self, accepted: Accepted) -> None:
        """What events say about the lines; before the next claim, so that it does not choose the same one again."""
        for provider in accepted.good:
            line = self.lines.by_id.get(provider)
            if line is not None and (line.failures or line.down_until or line.probing):
                line.succeed()
        for provider, error in accepted.failures:
            if error.retryable or provider not in accepted.good:
                self.fail(provider, error)

    def fail(self, provider: int, error: GatewayError) -> None:
        """A provider has not taken an attempt."""
        line = self.lines.by_id.get(provider)
        if line is not None:
            line.fail(error, self.now())

    def health(self) -> list[Health]:
        """How the lines and the gateways are. Never raises."""
        found = self.lines.health(self.now())
        for name, gateway in self.gateways.items():
            try:
                found += gateway.health()
            except Exception as error:
                found.append(Health(name, f"{type(error).__name__} in its health()"))
        return found
