"""The connections to one provider's mail server, and the messages that wait for them."""

from __future__ import annotations

import logging
import random
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from ictcore.spec import (
    Attempt,
    Event,
    GatewayError,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
    NotSubmitted,
    cause,
    utc_now,
)
from ictcore_gateway_smtp import translate
from ictcore_gateway_smtp.provider import SmtpProvider
from ictcore_gateway_smtp.wire.client import SmtpClient, Transaction
from ictcore_gateway_smtp.wire.connection import Address, Connection
from ictcore_gateway_smtp.wire.handshake import Options
from ictcore_gateway_smtp.wire.loop import Loop
from ictcore_gateway_smtp.wire.replies import Reply
from ictcore_gateway_smtp.wire.resolver import numeric, resolve

log = logging.getLogger(__name__)

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 60.0
PROBE_AFTER: Final = 60.0
"""Seconds after which a server that closed our last, unused connection is connected to again."""

MORE_AFTER: Final = 60.0
"""Seconds after which a server that refused further connections is asked for them again."""

Make = Callable[[Attempt, Mapping[str, str]], Transaction]
"""Builds the message of an attempt for a server with these capabilities; raises a :class:`GatewayError`."""


class Pool:
    """Connects when there is work, keeps one connection, and backs off when the server is away. Loop's thread only.

    :ivar fault: why the server cannot be used now, ``None`` when it can, or was not tried yet.
    :ivar proven: a connection became ready since the last fault.
    :ivar accepted_count: messages that the server took since the start.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        settings: SmtpProvider,
        options: Options,
        tls: ssl.SSLContext | None,
        make: Make,
        loop: Loop,
        report: Callable[[Event], None],
    ) -> None:
        self.host, self.port, self.settings, self.options = host, port, settings, options
        self.queue: deque[Attempt] = deque()
        self.fault: GatewayError | None = None
        self.proven = False
        self.accepted_count = 0
        self.connections: set[Connection] = set()
        self._tls, self._make, self._loop, self._report = tls, make, loop, report
        self._addresses: Sequence[Address] = ()
        self._address_at = 0
        self._resolving = False
        self._retry_at = 0.0
        self._probe_at = 0.0
        self._delay = FIRST_DELAY
        self._most = settings.connections
        self._more_at = 0.0
        self._draining = False
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether any connection can take messages now."""
        return any(connection.client.ready and not connection.client.closing for connection in self.connections)

    @property
    def busy(self) -> bool:
        """Whether any message is under way on a connection."""
        return any(not c.client.idle and (c.client.content or c.client.current) for c in self.connections)

    def turn(self, now: float, tick: bool) -> None:
        """Give waiting messages to connections, open more, close unused ones, keep time limits."""
        if tick:
            self._check_times(now)
            if now >= self._more_at:
                self._most = self.settings.connections
        if self._draining:
            return
        if self.queue:
            for connection in tuple(self.connections):
                if connection.client.free:
                    connection.client.fill()
                    connection.flush()
                    if not self.queue:
                        return
            if self.fault is not None and not self.ready:
                self._return_queue(self.fault)
        if now >= self._retry_at and (self.queue or now >= self._probe_at):
            self._open_more()

    def drain(self) -> None:
        """Take no more messages, give back those that wait, and close each connection once its own are answered."""
        self._draining = True
        self._return_queue(GatewayUnavailable("the gateway is stopping"))
        for connection in tuple(self.connections):
            connection.client.draining = True
            if not connection.client.ready:
                connection.close()
            elif connection.client.idle:
                connection.client.quit()
                connection.flush()

    def close(self) -> None:
        """Close all connections now; what is under way is reported as lost."""
        self._draining = self._closed = True
        self._return_queue(GatewayUnavailable("the gateway is stopping"))
        for connection in tuple(self.connections):
            connection.close(TimeoutError("the gateway stopped before the mail server answered"))

    # What a client asks and tells

    def take(self, client: SmtpClient) -> Transaction | None:
        """The next message, built; those that cannot be built are reported and passed over."""
        while self.queue:
            attempt = self.queue.popleft()
            try:
                return self._make(attempt, client.capabilities)
            except GatewayError as error:
                self._report(NotSubmitted(attempt_id=attempt.id, at=utc_now(), error=error))
            except Exception as error:
                log.exception("the message of attempt %s cannot be built", attempt.id)
                wrong = GatewayRejected(f"{type(error).__name__} while the message was built", cause=cause.INTERNAL)
                self._report(NotSubmitted(attempt_id=attempt.id, at=utc_now(), error=wrong))
        return None

    def accepted(self, transaction: Transaction, reply: Reply) -> None:
        """The server took the message."""
        self.accepted_count += 1
        self._report(translate.accepted(transaction, reply, utc_now()))

    def refused(self, transaction: Transaction, stage: str, reply: Reply) -> None:
        """The server refused the message."""
        self._report(translate.refused(transaction, stage, reply, utc_now()))

    # What a connection tells

    def opened(self, connection: Connection) -> None:
        """A connection is ready."""
        self.fault, self.proven, self._delay, self._retry_at = None, True, FIRST_DELAY, 0.0
        if self._draining:
            connection.client.quit()

    def ended(self, connection: Connection, error: BaseException | None) -> None:
        """A connection is closed: report what was under way on it, and back off when it brought nothing."""
        self.connections.discard(connection)
        client = connection.client
        reason = _sentence(error)
        for loss in client.losses(connection.sent):
            event = translate.lost(
                loss.transaction, left=loss.left, nonsense=client.nonsense, reason=reason, at=utc_now()
            )
            self._report(event)
        if self._draining:
            return
        now = self._loop.now()
        if client.ready and (client.settled or (error is None and not client.nonsense)):
            self._probe_at = now + PROBE_AFTER
        elif self.ready:
            # It serves us, but not on so many connections.
            self._most, self._more_at = max(1, len(self.connections)), now + MORE_AFTER
        else:
            fault = client.fault or _fault(error, client.nonsense)
            self._failed(fault, now)

    def _failed(self, fault: GatewayError, now: float) -> None:
        self.fault, self.proven = fault, False
        self._most = self.settings.connections
        self._address_at += 1
        if self._address_at >= len(self._addresses):
            self._addresses, self._address_at = (), 0
            self._probe_at = 0.0
            self._retry_at = now + self._delay * random.uniform(0.8, 1.2)
            self._delay = min(self._delay * 2, LONGEST_DELAY)
            self._return_queue(fault)
        # else: its next address is tried at once

    def _open_more(self) -> None:
        if len(self.connections) >= self._most:
            return
        waiting = sum(not connection.client.ready for connection in self.connections)
        if self.fault is not None:
            wanted = 0 if self.connections else 1  # one is enough to see whether it is back
        elif self.queue:
            wanted = min(self._most - len(self.connections), len(self.queue) - waiting)
        else:
            wanted = 0 if self.connections else 1
        if wanted <= 0 or self._resolving:
            return
        if not self._addresses:
            self._addresses = numeric(self.host, self.port)
        if not self._addresses:
            self._resolving = True
            resolve(self.host, self.port, lambda found, wrong: self._loop.call(lambda: self._resolved(found, wrong)))
            return
        for _ in range(wanted):
            if not self._addresses:
                return  # the one before failed at once
            client = SmtpClient(self.options, self)
            address = self._addresses[self._address_at % len(self._addresses)]
            try:
                connection = Connection(address, client, self._loop, self, self._tls, self.host)
            except OSError as error:  # no more files may be open
                if not self.ready:
                    self._failed(_fault(error, ""), self._loop.now())
                return
            self.connections.add(connection)
            connection.open()

    def _resolved(self, addresses: Sequence[Address], wrong: str) -> None:
        self._resolving = False
        if wrong:
            self._failed(GatewayUnavailable(wrong), self._loop.now())
        else:
            self._addresses, self._address_at = addresses, 0

    def _return_queue(self, error: GatewayError) -> None:
        at: datetime = utc_now()
        while self.queue:
            self._report(NotSubmitted(attempt_id=self.queue.popleft().id, at=at, error=error))

    def _check_times(self, now: float) -> None:
        limits = self.settings
        for connection in tuple(self.connections):
            client = connection.client
            if client.idle:
                spare = len(self.connections) > 1  # those that say goodbye are gone at once
                over = client.options.limit and client.taken >= client.options.limit
                if self._draining or over or (spare and now - connection.active_at > limits.idle_timeout):
                    client.quit()
                    connection.flush()
                continue
            if not client.ready or client.closing:
                allowed = limits.connect_timeout
            elif client.content is not None:
                allowed = limits.data_timeout
            else:
                allowed = limits.command_timeout
            if now - connection.active_at > allowed:
                connection.close(TimeoutError(f"no answer within {allowed:g} seconds"))


def _sentence(error: BaseException | None) -> str:
    if error is None:
        return "the connection was closed"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _fault(error: BaseException | None, nonsense: str) -> GatewayError:
    if nonsense:
        return GatewayUnavailable(f"the mail server broke the protocol: {nonsense}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return GatewayMisconfigured(_sentence(error))
    return GatewayUnavailable(f"the mail server cannot be used: {_sentence(error)}")
