"""Neutral events: what a gateway reports, in words that are the same for every vendor.

All times are aware UTC. ``key`` makes an event recognisable when it is reported again: two events with the same
attempt, class and key are one. Late, repeated and out-of-order events are normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ictcore.domain import cause as causes
from ictcore.domain.errors import GatewayError


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEvent:
    """Something happened to one of our attempts.

    :ivar attempt_id: the correlation id that the attempt was submitted with.
    :ivar at: when it happened, aware UTC.
    :ivar key: tells repeated events of one class apart (a step's number, a report's id); ``""`` when the class happens
        at most once in the life of an attempt.
    """

    attempt_id: str
    at: datetime
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(AttemptEvent):
    """The far side took it and will report later. ``vendor_id``: the far side's own id, or ``""``."""

    vendor_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSubmitted(AttemptEvent):
    """The submission did not succeed; the class of ``error`` decides what follows."""

    error: GatewayError


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(AttemptEvent):
    """It moves, and it is not the end. ``name``: ``ringing``, ``early_media``, ``buffered``, ``relayed`` …"""

    name: str
    vendor_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(AttemptEvent):
    """The far side answered the call; billing begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone(AttemptEvent):
    """A step of the plan ended.

    :ivar step: its name in the plan.
    :ivar outcome: ``success``, ``error`` or the step's own word (a digit, ``human``, ``timeout``).
    :ivar data: what it found: name -> text. Stored as results, unchanged and uncut.
    """

    step: str
    outcome: str
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(AttemptEvent):
    """The end: it reached its goal.

    :ivar confirmed: the goal itself confirmed it. ``False``: the next server took it and nobody promised to report;
        the attempt is completed, and a later ``Failed`` (a bounce) still fails it.
    :ivar vendor_id: the far side's own id, or ``""``.
    :ivar amount: seconds, pages or parts, as the service counts; ``None`` when not known.
    :ivar vendor_code: the far side's own word, unchanged.
    :ivar data: what the far side told with it: name -> text; stored as results.
    """

    confirmed: bool = True
    vendor_id: str = ""
    vendor_code: str = ""
    amount: float | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(AttemptEvent):
    """The end: it did not reach its goal. ``cause``: one of :mod:`ictcore.domain.cause`."""

    cause: str
    vendor_code: str = ""
    detail: str = ""
    amount: float | None = None
    data: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.cause not in causes.ALL:
            raise ValueError(f"{self.cause!r} is not a cause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file that came with an inbound message.

    :ivar content: the decoded bytes.
    :ivar name: as sent; not to be trusted as a file name.
    """

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message, fax or call came in.

    :ivar service: name of the service (``sms``, ``email``, ``fax``, ``voice``).
    :ivar called: the number or address that was called, as received.
    :ivar caller: who sent it, as received.
    :ivar key: the same for every repetition of one message (the vendor's id, a Message-ID); with ``gateway`` it is
        unique for ever. A repeated message is taken once.
    :ivar text: the plain text; ``html``: the HTML alternative, ``""`` when there is none.
    :ivar provider: name of the provider (link) that it came by, ``""`` when not known.
    """

    service: str
    gateway: str
    called: str
    caller: str
    key: str
    at: datetime
    text: str = ""
    subject: str = ""
    html: str = ""
    parts: tuple[Part, ...] = ()
    provider: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Event = Submitted | NotSubmitted | Progress | Answered | StepDone | Delivered | Failed | Received
"""Anything that a gateway may put into the sink."""
