"""One non-blocking connection to a mail server: moves bytes between a socket and a client machine."""

from __future__ import annotations

import logging
import os
import selectors
import socket
import ssl
from collections.abc import Callable
from typing import Final, Protocol

from ictcore_gateway_smtp.wire.client import SmtpClient

CONNECTING: Final = "connecting"
SECURING: Final = "securing"
OPEN: Final = "open"
CLOSED: Final = "closed"

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE
CHUNK: Final = 65536

log = logging.getLogger(__name__)

Address = tuple[socket.AddressFamily, tuple[str, int]]


class Watcher(Protocol):
    """Tells when sockets can be read and written (the loop)."""

    def watch(self, sock: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        """Call ``callback(events)`` whenever it can be read or written; replaces what was asked for before."""
        ...

    def forget(self, sock: socket.socket) -> None:
        """Watch it no more."""
        ...

    def now(self) -> float:
        """Monotonic seconds."""
        ...


class Keeper(Protocol):
    """Keeps connections (the pool)."""

    def opened(self, connection: Connection) -> None:
        """The connection is ready for messages."""
        ...

    def ended(self, connection: Connection, error: BaseException | None) -> None:
        """The connection is closed. ``error``: what broke it, ``None`` when either side closed it."""
        ...


class Connection:
    """A socket and the client machine that speaks over it. Lives in the loop's thread.

    :ivar sent: how many bytes the system took.
    :ivar active_at: monotonic seconds of the last byte in either direction.
    """

    def __init__(
        self,
        address: Address,
        client: SmtpClient,
        watcher: Watcher,
        keeper: Keeper,
        tls: ssl.SSLContext | None,
        name: str,
    ) -> None:
        self.client = client
        self.state = CONNECTING
        self.sent = 0
        self.active_at = 0.0
        self._watcher = watcher
        self._keeper = keeper
        self._tls = tls
        self._name = name
        self._pending: memoryview | None = None
        self._watched = 0
        self._was_ready = False
        self._now = watcher.now
        self._sock: socket.socket = socket.socket(address[0], socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._address = address[1]

    def open(self) -> None:
        """Begin to connect. A failure is told to the keeper, not raised."""
        self.active_at = self._now()
        try:
            self._sock.connect(self._address)
        except BlockingIOError:
            pass
        except OSError as error:
            self.close(error)
            return
        self._watch(WRITE)

    def flush(self) -> None:
        """Write what the client has to say, as far as the socket takes it."""
        if self.state != OPEN:
            return
        try:
            self._send()
        except OSError as error:
            self.close(error)

    def close(self, error: BaseException | None = None) -> None:
        """Close the socket and tell the keeper. Calling it twice changes nothing."""
        if self.state == CLOSED:
            return
        self.state = CLOSED
        if self._watched:
            self._watcher.forget(self._sock)
        self._sock.close()
        self._keeper.ended(self, error)

    def _on_events(self, events: int) -> None:
        try:
            if self.state == OPEN:
                if events & READ or self._watched == READ:
                    self._receive()
                else:
                    self._send()
            elif self.state == CONNECTING:
                self._connected()
            else:
                self._secure()
        except OSError as error:  # ssl.SSLError is one, too
            self.close(error)
        except Exception as error:
            log.exception("a fault of our own on a connection to a mail server")
            self.close(error)

    def _connected(self) -> None:
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, f"cannot connect: {os.strerror(code)}")
        self.active_at = self._now()
        if self.client.options.tls == "tls":
            self._begin_tls()
        else:
            self._become_open()

    def _begin_tls(self) -> None:
        assert self._tls is not None
        if self._watched:
            self._watcher.forget(self._sock)
            self._watched = 0
        self.state = SECURING
        self._sock = self._tls.wrap_socket(self._sock, server_hostname=self._name, do_handshake_on_connect=False)
        self._secure()

    def _secure(self) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(READ)
        except ssl.SSLWantWriteError:
            self._watch(WRITE)
        else:
            self.active_at = self._now()
            if self.client.wants_tls:
                self.client.secured()
            self._become_open()

    def _become_open(self) -> None:
        self.state = OPEN
        self._watch(READ)
        self._send()

    def _receive(self) -> None:
        while self.state == OPEN:
            try:
                data = self._sock.recv(CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not data:
                self.close(
                    None if self.client.closing else ConnectionResetError("the mail server closed the connection")
                )
                return
            self.active_at = self._now()
            client = self.client
            client.feed(data)
            if client.ready and not self._was_ready:
                self._was_ready = True
                self._keeper.opened(self)
            if client.wants_tls and not client.closing:
                self._begin_tls()
                return
            if client.out or self._pending is not None or client.closing:
                self._send()
            if len(data) < CHUNK and self._tls is None:
                break

    def _send(self) -> None:
        """Write until the socket is full or nothing is left."""
        client = self.client
        if client.out:
            self.active_at = self._now()
            chunks = client.out if self._pending is None else [bytes(self._pending), *client.out]
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            client.out = []
            try:
                count = self._sock.send(data)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                count = 0
            self.sent += count
            self._pending = None if count == len(data) else memoryview(data)[count:]
        while self._pending is not None:
            try:
                count = self._sock.send(self._pending)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            self.sent += count
            self.active_at = self._now()
            self._pending = self._pending[count:] if count < len(self._pending) else None
        self._watch(READ if self._pending is None else READ | WRITE)
        if client.closing and self._pending is None:
            self.close()

    def _watch(self, events: int) -> None:
        if events != self._watched:
            self._watched = events
            self._watcher.watch(self._sock, events, self._on_events)
