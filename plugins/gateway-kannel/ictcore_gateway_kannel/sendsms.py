"""The transport by HTTP: messages as requests to sendsms, reports and inbound messages as requests to us."""

from __future__ import annotations

import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from time import time
from urllib.parse import quote

from ictcore.spec import (
    Event,
    GatewayError,
    GatewayProtocolError,
    GatewayUnavailable,
    GatewayUncertain,
    Health,
    Sink,
    utc_now,
)
from ictcore_gateway_kannel.callbacks import DLR_QUERY, Callbacks
from ictcore_gateway_kannel.config import Config
from ictcore_gateway_kannel.inbound import Joiner
from ictcore_gateway_kannel.outgoing import Outgoing, Report, Seen, ends, gone_back
from ictcore_gateway_kannel.reports import Reports, Tag
from ictcore_gateway_kannel.text import header
from ictcore_gateway_kannel.translate import sendsms_error
from ictcore_gateway_kannel.transport import Message, Names, Route
from ictcore_gateway_kannel.wire.http import Response
from ictcore_gateway_kannel.wire.listener import Peer
from ictcore_gateway_kannel.wire.loop import Loop
from ictcore_gateway_kannel.wire.pool import Lost, Pool

_PLAIN = re.compile(r"[A-Za-z0-9_.~ -]*")


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text.replace(" ", "+")
    return quote(text, safe="")


class SendsmsTransport:
    """Keep-alive connections to sendsms and a listener of our own, in one thread.

    Long messages are split here and sent as one request for each part: ``max-messages`` of the sendsms user, which cuts
    texts without a word, does not matter, and a surrogate pair is not cut in half.

    :param token: gives the secret of the callback paths; called at the start.
    """

    def __init__(self, config: Config, reports: Reports, seen: Seen, names: Names, token: Callable[[], str]) -> None:
        self._config = config
        self._reports = reports
        self._token = token
        self._seen = seen
        self._sink: Sink | None = None
        self._loop = Loop("kannel-http", self)
        self._joiner = Joiner(config.join_wait)
        self._callbacks = Callbacks(
            self._loop, config.listen_host, config.listen_port, reports, self._joiner, names, self._hold
        )
        self._pool: Pool[Outgoing] = Pool(
            self._loop, config.host, config.sendsms_port, config.connections, config.timeout, self._done
        )
        self._lock = threading.Lock()
        self._waiting: deque[tuple[bytes, Outgoing]] = deque()
        self._open: dict[str, Outgoing] = {}
        self._events: list[Event] = []
        self._dlr_url = ""
        self._under_way = 0
        self._stopping = False
        self._ended = False
        self._reference = secrets.randbelow(256)
        self._heads: dict[int, tuple[Route, str]] = {}
        host = f"[{config.host}]" if ":" in config.host else config.host
        self._tail = f" HTTP/1.1\r\nHost: {host}:{config.sendsms_port}\r\n\r\n"

    # From any thread

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._loop.open()
        self._callbacks.token = self._token()
        self._callbacks.listener.open()  # so that the port is known before the first message
        self._dlr_url = quote(f"{self.callback('dlr')}?{DLR_QUERY}&tag=", safe="")
        self._loop.start()

    @property
    def port(self) -> int:
        """The port of our own listener."""
        return self._callbacks.listener.port

    def callback(self, name: str) -> str:
        """The address at which smsbox reaches us: ``dlr`` for reports, ``mo`` for inbound messages."""
        base = self._config.listen_url.rstrip("/")
        if not base:
            host = self._config.listen_host
            if host in ("0.0.0.0", "::", ""):  # noqa: S104  # compared, not bound
                host = "127.0.0.1"
            base = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        return base + self._callbacks.path(name)

    def room(self) -> int:
        if self._stopping or not self._pool.up:
            return 0
        return max(0, 4 * self._config.connections - self._under_way)

    def submit(self, messages: Sequence[Message]) -> None:
        jobs: list[tuple[bytes, Outgoing]] = []
        now = int(time())
        for message in messages:
            self._write(message, now, jobs)
        with self._lock:
            ended = self._ended
            self._under_way += len(messages)
            if not ended:
                self._waiting.extend(jobs)
        if ended:
            error = GatewayUnavailable("the gateway has stopped")
            events = [event for _, outgoing in jobs if (event := outgoing.refuse(error, utc_now())) is not None]
            if events and self._sink is not None:
                self._sink.put(events)
        else:
            self._loop.wake()

    def _write(self, message: Message, now: int, jobs: list[tuple[bytes, Outgoing]]) -> None:
        outgoing, sender, receiver, encoded, route, validity = message
        known = self._heads.get(route.trunk)
        head = known[1] if known is not None and known[0] is route else self._head(route)
        fixed = f"{head}&from={_quoted(sender)}&to={receiver.replace('+', '%2B')}&coding={encoded.coding}"
        if validity >= 0:
            fixed += f"&validity={max(1, (validity - now + 59) // 60)}"
        total = len(encoded.parts)
        udh = ""
        if total > 1:
            self._reference = (self._reference + 1) & 0xFF
        for number, part in enumerate(encoded.parts, 1):
            if total > 1:
                udh = "&udh=" + "".join(f"%{octet:02x}" for octet in header(self._reference, total, number))
            report = ""
            if route.dlr_mask:
                tag = Tag(outgoing.id, number, total, route.relay).write()
                report = quote(tag, safe="") if total > 1 or route.relay else tag
                report = f"&dlr-url={self._dlr_url}{report}"
            request = f"{fixed}{udh}{report}&text={_quoted(part)}{self._tail}"
            jobs.append((request.encode("ascii"), outgoing))

    def _head(self, route: Route) -> str:
        config = self._config
        query = (
            f"GET {config.sendsms_path}?username={quote(config.username, safe='')}"
            f"&password={quote(config.password, safe='')}&smsc={quote(route.smsc, safe='')}&charset=UTF-8"
        )
        if route.mclass >= 0:
            query += f"&mclass={route.mclass}"
        if route.dlr_mask:
            query += f"&dlr-mask={route.dlr_mask}"
        self._heads[route.trunk] = (route, query)
        return query

    def health(self) -> Sequence[Health]:
        listener = self._callbacks.listener
        sending = {
            "under_way": self._under_way,
            "connections": len(self._pool.all),
            "most_connections": self._config.connections,
        }
        taking = {
            "address": f"{listener.host}:{listener.port}",
            "connections": len(listener.peers),
            "unknown_events": self._callbacks.unknown + self._reports.unknown,
            "inbound_waiting_for_parts": len(self._joiner),
        }
        return (
            Health("kannel sendsms", self._pool.fault, sending),
            Health("kannel callbacks", listener.fault, taking),
        )

    def stop(self, timeout: float) -> None:
        self._stopping = True
        self._loop.stop(timeout)
        self._pool.fault = "stopped"

    # From the loop's thread

    def round(self) -> None:
        if self._waiting:
            with self._lock:
                jobs, self._waiting = self._waiting, deque()
            self._pool.queue.extend(jobs)
            self._open.update((outgoing.id, outgoing) for _, outgoing in jobs if outgoing.reports)
        if self._pool.queue:
            if self._pool.up:
                self._pool.pump()
            else:
                self._refuse_all(self._pool.fault)
        if self._events and self._sink is not None:
            events, self._events = self._events, []
            with self._lock:
                self._under_way -= len(events)
            self._sink.put(events)
        self._callbacks.round(self._sink)

    def _refuse_all(self, reason: str) -> None:
        queue = self._pool.queue
        while queue:
            self._done(queue.popleft()[1], Lost(reason, written=False))

    def tick(self, now: float) -> None:
        self._pool.tick(now)
        self._callbacks.tick(now)

    def finished(self) -> bool:
        return not self._pool.busy and not self._pool.queue and not self._waiting

    def ended(self) -> None:
        with self._lock:
            self._ended = True
            self._pool.queue.extend(self._waiting)
            self._waiting.clear()
        self._pool.close()
        self._callbacks.listener.close()
        self.round()

    def _done(self, outgoing: Outgoing, answer: Response | Lost) -> None:
        now = utc_now()
        error: GatewayError | None
        if isinstance(answer, Response):
            error = None
            if answer.status != 202 or not answer.body.startswith((b"0:", b"3:")):
                error = sendsms_error(answer.status, answer.body.decode("utf-8", "replace"))
        else:
            error = _lost(answer)
        event = outgoing.accept(now) if error is None else outgoing.refuse(error, now)
        if event is None:
            return
        self._events.append(event)
        if error is not None:
            gone_back(event, self._seen)
        if outgoing.reports:
            self._open.pop(outgoing.id, None)
            for report, peer in outgoing.held or ():
                assert isinstance(peer, Peer)
                if ends(event):
                    self._callbacks.dismiss(peer)
                else:
                    self._callbacks.take(report, peer)  # its round comes after ours: the outcome is first

    def _hold(self, report: Report, peer: Peer) -> bool:
        outgoing = self._open.get(report.attempt_id)
        if outgoing is None:
            return False
        outgoing.hold(report, peer)
        return True


def _lost(lost: Lost) -> GatewayError:
    if not lost.written:
        return GatewayUnavailable(f"sendsms cannot be reached: {lost.reason}")
    if lost.nonsense:
        return GatewayProtocolError(f"sendsms answered nonsense: {lost.reason}")
    return GatewayUncertain(f"no answer from sendsms: {lost.reason}")
