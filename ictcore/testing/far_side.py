"""The other end of a gateway, as the conformance suite steers it: a scripted fake, or a real server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

CONTROLS: frozenset[str] = frozenset(
    {
        "absent", "drop", "stall", "nonsense", "slam", "reject", "throttle", "report", "unknown", "inbound",
        "configuration",
    }
)  # fmt: skip
"""What a far side may be able to do; it declares what it can, and the suite skips the rest, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message (or call) that the far side really got, decoded as a far side decodes it.

    :ivar destination: in the form that ``Attempt.destination`` had.
    :ivar text: the plain text; long messages joined.
    :ivar raw: the bytes of the wire, when the far side can tell.
    """

    destination: str
    text: str = ""
    source: str = ""
    subject: str = ""
    html: str = ""
    raw: bytes = field(default=b"", repr=False)


class InboundMessage(Protocol):
    """A message that the far side is handing to the gateway. Both properties may be read from any thread."""

    @property
    def acknowledged(self) -> bool:
        """The gateway has told the far side that it took the message, so the far side forgets it."""
        ...

    @property
    def refused(self) -> bool:
        """The gateway has told the far side that nobody takes it, or that it should come again later."""
        ...


class FarSide:
    """Subclass it for a plugin: declare ``controls``, and override the methods that belong to them.

    After :meth:`start` it behaves as after :meth:`accept`. Every method may be called while the gateway runs.
    """

    controls: ClassVar[frozenset[str]] = frozenset()
    """Words of :data:`CONTROLS`. ``absent``: :meth:`start` and :meth:`stop` may be called at any time."""

    def start(self) -> None:
        """Begin to listen, at the same address each time. Calling it twice is safe."""

    def stop(self) -> None:
        """Vanish: close the listener and all connections, as a server that is killed. Calling it twice is safe."""

    def sent(self) -> list[Sent]:
        """All that it really got since it was made, in order; also what it did not answer."""
        raise NotImplementedError

    def accept(self) -> None:
        """Answer well from now on."""

    def reject(self) -> None:
        """Refuse every message from now on, for good. Control ``reject``."""
        raise NotImplementedError

    def throttle(self) -> None:
        """Ask for patience from now on. Control ``throttle``."""
        raise NotImplementedError

    def drop_before_reply(self) -> None:
        """Take each message whole and close the connection instead of answering. Control ``drop``."""
        raise NotImplementedError

    def stall(self) -> None:
        """Take each message whole and never answer. Control ``stall``."""
        raise NotImplementedError

    def nonsense(self) -> None:
        """Take each message whole and answer with bytes that are not of the protocol. Control ``nonsense``."""
        raise NotImplementedError

    def slam(self) -> None:
        """Close each connection as soon as it is made. Control ``slam``."""
        raise NotImplementedError

    def connects(self) -> int:
        """How many connections have been made to it so far. Control ``slam``."""
        raise NotImplementedError

    def report(self, attempt_id: str, outcome: str, *, again: bool = False) -> None:
        """Send a delivery report. Control ``report``.

        :param outcome: ``delivered``, ``failed`` or ``progress``.
        :param again: repeat the report that was sent before.
        """
        raise NotImplementedError

    def unknown_event(self) -> None:
        """Send something that the protocol allows and the gateway does not know. Control ``unknown``."""
        raise NotImplementedError

    def inbound(self, text: str, *, called: str, caller: str, key: str) -> InboundMessage:
        """Begin to hand a message to the gateway and return at once. Control ``inbound``.

        :param key: what makes the message recognisable when it comes again.
        """
        raise NotImplementedError

    def configuration(self) -> Any:
        """All that :meth:`~ictcore.spec.Gateway.provision` has written, and how often it was reloaded; two such values
        are equal when nothing was done in between. Control ``configuration``.
        """
        raise NotImplementedError
