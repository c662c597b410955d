"""What the gateway needs of a way to reach Kannel, and what it hands to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ictcore.spec import Health, Sink
from ictcore_gateway_kannel.outgoing import Outgoing
from ictcore_gateway_kannel.text import Encoded


class Route(NamedTuple):
    """A provider as the transports see it.

    :ivar smsc: the link's ``smsc-id``.
    :ivar dlr_mask: the reports to ask for; 0: none.
    :ivar relay: "relayed" is the end.
    :ivar mclass: message class, -1 for none.
    """

    trunk: int
    name: str
    smsc: str
    dlr_mask: int
    relay: bool
    mclass: int


class Message(NamedTuple):
    """One attempt to hand over.

    :ivar validity: epoch seconds, after which delivering is no longer wanted; -1: the link's own default.
    """

    outgoing: Outgoing
    sender: str
    receiver: str
    encoded: Encoded
    route: Route
    validity: int


Names = Callable[[str], str]
"""From a link's ``smsc-id`` to the provider's name."""


class Transport(Protocol):
    """A way to Kannel. Events go to the sink that ``start`` was given."""

    def start(self, sink: Sink) -> None:
        """Begin; returns at once."""
        ...

    def room(self) -> int:
        """How many more messages it takes now. Never blocks."""
        ...

    def submit(self, messages: Sequence[Message]) -> None:
        """Take messages; returns at once. Their outcomes are events."""
        ...

    def health(self) -> Sequence[Health]:
        """How its connections are."""
        ...

    def stop(self, timeout: float) -> None:
        """Finish what is under way within ``timeout`` seconds and close. Calling it twice is safe."""
        ...
