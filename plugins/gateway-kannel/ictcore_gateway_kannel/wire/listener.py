"""A small HTTP server in a loop: its requests are answered later, from any thread, in the order of each connection."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from ictcore_gateway_kannel.wire.http import HttpError, Request, RequestParser, response
from ictcore_gateway_kannel.wire.loop import READ, WRITE, Loop

MOST_CONNECTIONS: Final = 2000
IDLE: Final = 600.0


class Peer:
    """One connection to us. ``answer`` must be called once for every request that ``handle`` was given."""

    __slots__ = ("_left", "_listener", "_loop", "_parser", "_sock", "_waiting", "_writing", "asked", "closing", "since")

    def __init__(self, listener: Listener, loop: Loop, sock: socket.socket, now: float) -> None:
        self._listener = listener
        self._loop = loop
        self._sock = sock
        self._parser = RequestParser()
        self._waiting: deque[Request] = deque()
        self._left = b""
        self._writing = False
        self.asked: Request | None = None
        self.closing = False
        self.since = now
        loop.watch(sock, READ, self._ready)

    def _ready(self, mask: int) -> None:
        if mask & WRITE:
            self._write()
        if not mask & READ or self._sock.fileno() < 0:
            return
        try:
            data = self._sock.recv(65536)
            if not data:
                self.close()
                return
            self.since = self._listener.now
            self._waiting.extend(self._parser.feed(data))
        except BlockingIOError:
            return
        except HttpError as error:
            self.closing = True
            self._left += response(400, str(error), keep=False)
            self._write()
            return
        except OSError:
            self.close()
            return
        self._next()

    def _next(self) -> None:
        while self.asked is None and self._waiting and self._sock.fileno() >= 0 and not self.closing:
            self.asked = self._waiting.popleft()
            self._listener.handle(self, self.asked)

    def answer(self, status: int, body: str = "") -> None:
        """Answer the request that was asked. In the loop's thread."""
        asked, self.asked = self.asked, None
        if asked is None or self._sock.fileno() < 0:
            return
        self.closing = self.closing or not asked.keep
        self._left += response(status, body, keep=not self.closing)
        self._write()
        self._next()

    def _write(self) -> None:
        try:
            sent = self._sock.send(self._left) if self._left else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        self._left = self._left[sent:]
        if self.closing and not self._left:
            self.close()
        elif bool(self._left) != self._writing:
            self._writing = not self._writing
            self._loop.change(self._sock, READ | WRITE if self._writing else READ, self._ready)

    def close(self) -> None:
        """Close it; nothing more can be answered. Calling it twice is safe."""
        self._listener.peers.discard(self)
        if self._sock.fileno() >= 0:
            self._loop.forget(self._sock)


class Listener:
    """Listens on ``host:port``.

    :param handle: called with each request and the peer to answer.
    :ivar fault: ``""`` while it listens.
    :ivar port: the port in use, also when 0 was asked for.
    """

    def __init__(self, loop: Loop, host: str, port: int, handle: Callable[[Peer, Request], None]) -> None:
        self.handle = handle
        self.fault = "not listening"
        self.host = host
        self.port = port
        self.peers: set[Peer] = set()
        self.now = 0.0
        self._loop = loop
        self._sock: socket.socket | None = None

    def open(self) -> None:
        """Begin to listen; a port that is taken is tried again at every tick."""
        if self._sock is not None:
            return
        try:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            sock = socket.create_server((self.host, self.port), family=family, backlog=256)
        except OSError as error:
            self.fault = f"{self.host}:{self.port} cannot be listened on: {error.strerror or error}"
            return
        sock.setblocking(False)
        self.port = sock.getsockname()[1]
        self.fault = ""
        self._sock = sock
        self._loop.watch(sock, READ, self._accept)

    def _accept(self, _: int) -> None:
        assert self._sock is not None
        for _try in range(64):
            try:
                sock, _address = self._sock.accept()
            except OSError:
                return
            if len(self.peers) >= MOST_CONNECTIONS:
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers.add(Peer(self, self._loop, sock, self.now))

    def tick(self, now: float) -> None:
        """Time passes: close connections that have been quiet for long."""
        self.now = now
        self.open()
        for peer in [each for each in self.peers if each.asked is None and each.since < now - IDLE]:
            peer.close()

    def close(self) -> None:
        """Stop listening, close every connection."""
        for peer in list(self.peers):
            peer.close()
        if self._sock is not None:
            self._loop.forget(self._sock)
            self._sock = None
        self.fault = "stopped"
