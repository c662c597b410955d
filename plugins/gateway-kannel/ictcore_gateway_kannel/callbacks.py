"""Reports and inbound messages that smsbox brings by HTTP: our side of ``dlr-url`` and ``get-url``.

Answered only when the events are stored. Paths: ``/TOKEN/dlr`` and ``/TOKEN/mo``.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from ictcore.spec import Event, Receipt, Sink, utc_now
from ictcore_gateway_kannel.inbound import Inbound, Joiner, Ready
from ictcore_gateway_kannel.outgoing import Report
from ictcore_gateway_kannel.reports import Reports, read_tag
from ictcore_gateway_kannel.transport import Names
from ictcore_gateway_kannel.wire.http import Request
from ictcore_gateway_kannel.wire.listener import Listener, Peer
from ictcore_gateway_kannel.wire.loop import Loop

DLR_QUERY: Final = "s=%d&t=%T&f=%F&a=%A"
"""Kannel's escapes in a ``dlr-url``: the bit, epoch seconds, the SMSC's id of the message, the report's text."""
MO_QUERY: Final = "from=%p&to=%P&coding=%c&charset=%C&udh=%u&id=%I&smsc=%i&time=%T&text=%b"
"""And in a ``get-url``."""


Hold = Callable[[Report, Peer], bool]
"""Keeps a report that has overtaken the outcome of its message; ``True``: it was kept."""


class Callbacks:
    """The requests of smsbox. Lives in the thread of its loop.

    :ivar token: the secret of the paths; nothing is taken while it is empty.
    """

    def __init__(
        self,
        loop: Loop,
        host: str,
        port: int,
        reports: Reports,
        joiner: Joiner,
        names: Names,
        hold: Hold,
    ) -> None:
        self.listener = Listener(loop, host, port, self._request)
        self.unknown = 0
        self.token = ""
        self._loop = loop
        self._reports = reports
        self._joiner = joiner
        self._names = names
        self._hold = hold
        self._lock = threading.Lock()
        self._answers: deque[tuple[Peer, int, str]] = deque()
        self._events: list[Event] = []
        self._peers: list[Peer] = []
        self._now: datetime | None = None

    def path(self, name: str) -> str:
        """The secret path of ``dlr`` or ``mo``."""
        return f"/{self.token}/{name}"

    def _request(self, peer: Peer, request: Request) -> None:
        _, token, name = (*request.path.split("/", 2), "", "")[:3]
        if not self.token or not hmac.compare_digest(token.encode(), self.token.encode()):
            self.unknown += 1
            self._answer(peer, 404, "there is nothing here")
        elif request.method not in ("GET", "POST"):
            self._answer(peer, 405, "GET or POST")
        elif name == "dlr":
            self._report(peer, request.query)
        elif name == "mo":
            self._message(peer, request.query)
        else:
            self._answer(peer, 404, "there is nothing here")

    def _report(self, peer: Peer, query: dict[str, bytes]) -> None:
        tag = read_tag(_text(query, "tag"))
        mask = _number(query, "s")
        if tag is None or mask <= 0:
            self._reports.unknown += 1
            self._answer(peer, 400, "not a report of ours")
            return
        if self._now is None:
            self._now = utc_now()
        event = self._reports.event(tag, mask, _text(query, "a"), self._now, _number(query, "t"), _text(query, "f"))
        if event is None:
            self._answer(peer, 200)
        elif not self._hold(event, peer):
            self.take(event, peer)

    def take(self, event: Event, peer: Peer | None) -> None:
        """Put ``event`` into the sink with this round, and answer ``peer`` when it is stored."""
        self._events.append(event)
        if peer is not None:
            self._peers.append(peer)

    def dismiss(self, peer: Peer) -> None:
        """Answer a report that says nothing new."""
        self._answer(peer, 200)

    def _message(self, peer: Peer, query: dict[str, bytes]) -> None:
        caller, called = _text(query, "from"), _text(query, "to")
        if not caller or not called:
            self._answer(peer, 400, "from and to are needed")
            return
        message = Inbound(
            id=_text(query, "id") or _made_id(query),
            caller=caller,
            called=called,
            data=query.get("text", b""),
            udh=query.get("udh", b""),
            coding=_number(query, "coding"),
            charset=_text(query, "charset"),
            smsc=self._names(_text(query, "smsc")),
            at=_number(query, "time"),
            handle=peer,
        )
        self._taken(self._joiner.add(message, time.monotonic()), peer)

    def _taken(self, ready: Ready | None, peer: Peer) -> None:
        if ready is None:
            return  # answered when all parts are here
        self._events.append(ready.event)
        # One event, several peers: the batch is answered as a whole.
        self._peers.extend(handle for handle in ready.handles if isinstance(handle, Peer))

    def tick(self, now: float) -> None:
        """Time passes: hand on long messages whose parts do not come."""
        self.listener.tick(now)
        for ready in self._joiner.overdue(now):
            self._events.append(ready.event)
            self._peers.extend(handle for handle in ready.handles if isinstance(handle, Peer))

    def round(self, sink: Sink | None) -> None:
        """Put what a round brought into the sink, send the answers that are due."""
        if self._events and sink is not None:
            events, self._events = self._events, []
            peers, self._peers = self._peers, []
            self._now = None
            self._reports.flush()

            def stored(_: Receipt) -> None:
                self._answer_all(peers)

            sink.put(events).then(stored)
        with self._lock:
            answers, self._answers = self._answers, deque()
        for peer, status, body in answers:
            peer.answer(status, body)

    def _answer_all(self, peers: Sequence[Peer]) -> None:
        """In the committing thread. A message that nobody takes is answered like any other: smsbox cannot use a no."""
        with self._lock:
            self._answers.extend((peer, 200, "") for peer in peers)
        self._loop.wake()

    def _answer(self, peer: Peer, status: int, body: str = "") -> None:
        with self._lock:
            self._answers.append((peer, status, body))
        self._loop.wake()


def _text(query: dict[str, bytes], name: str) -> str:
    return query.get(name, b"").decode("utf-8", "replace")


def _number(query: dict[str, bytes], name: str) -> int:
    text = query.get(name, b"")
    return int(text) if text.isdigit() and len(text) <= 12 else -1


def _made_id(query: dict[str, bytes]) -> str:
    """An id for a message without one: the same whenever the same message is brought again."""
    digest = hashlib.sha256()
    for name in ("from", "to", "time", "udh", "text"):
        value = query.get(name, b"")
        digest.update(b"%d:" % len(value) + value)
    return digest.hexdigest()
