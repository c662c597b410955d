"""The contract between the core and a gateway plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ictcore.domain.event import Event
from ictcore.domain.plan import Plan
from ictcore.spec.settings import Settings
from ictcore.spec.sink import Sink


@dataclass(frozen=True, slots=True)
class Capability:
    """What a gateway can do. ``service``: a service's name; ``verb``: ``send``, ``receive`` or ``report``."""

    service: str
    verb: str


@dataclass(frozen=True, slots=True)
class Trunk:
    """One provider row, as the gateway sees it: a way to the outside.

    :ivar settings: the provider's own settings, validated by its :class:`ProviderType`.
    :ivar concurrent: how many attempts may be under way at once, ``0`` for no limit; the dispatcher keeps it.
    :ivar per_second: how many may be submitted per second, ``0`` for no limit; the dispatcher keeps it.
    """

    id: int
    name: str
    type: str
    services: frozenset[str]
    host: str = ""
    port: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    dialstring: str = ""
    register: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    concurrent: int = 0
    per_second: float = 0.0


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway is asked to send.

    :ivar id: the correlation id; it must travel with the message so that every report can carry it back.
    :ivar source: our side (number or address), ``""`` when the account has none.
    :ivar destination: the other side, in the service's normal form, the provider's prefix rule already applied.
    :ivar trunk: id of the trunk to use.
    :ivar plan: what to do; its tokens are rendered.
    :ivar tries: which attempt of its transmission this is, from 1.
    :ivar expires_at: aware UTC, or ``None``: after it, delivering is no longer wanted.
    """

    id: str
    service: str
    source: str
    destination: str
    trunk: int
    plan: Plan
    tries: int = 1
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How one dependency is. ``fault``: ``""`` when it is well, else one sentence for the operator, without secrets."""

    name: str
    fault: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it is well."""
        return not self.fault


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a gateway knows of attempts that a dead dispatcher left behind.

    :ivar events: final or progress events for those that it can tell of.
    :ivar never_sent: ids that certainly never left; they go back to the queue.
    :ivar pending: ids that live on and will still be reported.
    """

    events: Sequence[Event] = ()
    never_sent: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GatewayContext:
    """What the core gives a gateway to work with.

    :ivar node: name of the node that it runs on.
    :ivar settings: all settings; read your own section.
    :ivar home: an existing folder that is the gateway's own, kept between starts.
    :ivar media: folder of stored media; a plan names files by content hash, :meth:`media_path` finds them.
    """

    node: str
    settings: Settings
    home: Path
    media: Path

    def media_path(self, digest: str) -> Path:
        """The stored file with this SHA-256 (64 hexadecimal digits).

        :raises ValueError: ``digest`` is not one.
        """
        if len(digest) != 64 or not all(letter in "0123456789abcdef" for letter in digest):
            raise ValueError("not the digest of a stored file")
        return self.media / digest[:2] / digest[2:4] / digest


class Gateway(Protocol):
    """A running connection to the outside. One per gateway type and node; used from the dispatcher's thread.

    Life cycle: ``provision(trunks)``, ``start(sink)``, then ``submit()``, ``provision()`` (again, when providers
    change), ``health()``, ``reconcile()``, and at last ``stop()``.
    """

    def provision(self, trunks: Sequence[Trunk]) -> None:
        """Make ``trunks`` the ones in use: write configuration, reload, drop those that are gone.

        As long as there are none, the gateway connects to nothing and its health is empty: it is installed and not
        used. Safe to call again with the same trunks, then it changes nothing. May block some seconds.

        :raises GatewayMisconfigured: a trunk's settings are wrong; the others are in use all the same.
        """
        ...

    def start(self, sink: Sink) -> None:
        """Begin to connect and to listen; returns at once. An absent far side is no error here: health tells."""
        ...

    def room(self) -> int:
        """How many more attempts it takes now. ``0``: not connected, or enough is under way. Never blocks."""
        ...

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Take a batch to send; returns at once, never raises, never blocks on the network.

        For each attempt exactly one of these goes to the sink, within the gateway's own time limit:
        ``Submitted`` (taken, report follows), ``Delivered`` or ``Failed`` (taken, and this is the end), or
        ``NotSubmitted`` with the error that decides what follows. An id that was submitted before is not sent again,
        unless its ``tries`` has grown: its service opted in to sending it again. After ``stop()`` every attempt is
        answered by ``NotSubmitted(GatewayUnavailable)``.
        """
        ...

    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        """What became of attempts that another process submitted. Blocks at most a few seconds.

        An id that is in no part of the answer becomes ``uncertain``. Never send anything here.
        """
        ...

    def health(self) -> Sequence[Health]:
        """Its connections and how they are. Never blocks, never raises.

        An entry's ``detail`` may say ``unknown_events``: how many reports came that nobody understands.
        """
        ...

    def stop(self, timeout: float) -> None:
        """Finish what is under way within ``timeout`` seconds, then close. Leaves no thread and no socket.

        What could not be finished is reported as ``NotSubmitted(GatewayUnavailable)`` when no byte of it left, and as
        ``NotSubmitted(GatewayUncertain)`` otherwise. Calling it twice is safe.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProviderType:
    """A kind of provider (``smpp``, ``http``, ``sip`` …) that a gateway handles.

    :ivar settings: a :class:`msgspec.Struct` type that the provider's ``settings`` object is validated with.
    :ivar port: the port used when none is given; ``0``: the type has none.
    :ivar required: provider fields that must not be empty, such as ``host``.
    """

    name: str
    services: frozenset[str]
    settings: type[msgspec.Struct]
    port: int = 0
    required: frozenset[str] = frozenset()
    help: str = ""


class GatewayType(Protocol):
    """What a plugin registers: it can make a gateway."""

    name: str
    """Unique; also the name of its settings section."""
    flag: int
    """The gateway flag of the REST contract, ``0`` when it has none."""
    capabilities: frozenset[Capability]
    provider_types: Sequence[ProviderType]
    reports_survive: bool
    """Whether reports of submitted attempts still arrive after a restart of ours; then they stay ``submitted``."""

    def create(self, context: GatewayContext) -> Gateway:
        """A new gateway that has not started. Does no I/O.

        :raises GatewayMisconfigured: its settings are wrong.
        """
        ...

    def default_providers(self, settings: Settings) -> Sequence[Mapping[str, Any]]:
        """Provider rows (field -> value) for a new system on which nobody has set up any provider; usually none."""
        ...
