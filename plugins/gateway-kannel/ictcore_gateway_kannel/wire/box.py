"""One connection to bearerbox in one thread: connect, read, write, reconnect. What it means is not known here."""

from __future__ import annotations

import contextlib
import logging
import random
import selectors
import socket
import threading
import time
from typing import Final, Protocol

from ictcore_gateway_kannel.wire.frames import Frame, FrameError, Parser

log = logging.getLogger(__name__)

READ: Final = 1 << 18
FIRST_DELAY: Final = 0.1
LONGEST_DELAY: Final = 10.0
STEADY: Final = 2.0
"""Seconds that a connection must last before the next reconnect is quick again."""
TICK: Final = 0.5


class Handler(Protocol):
    """What a connection asks and tells; all calls come from its thread."""

    def opened(self) -> bytes:
        """Connected. Returns what is sent first."""
        ...

    def received(self, frames: list[Frame]) -> None:
        """The frames that one read brought."""
        ...

    def chunk(self) -> bytes:
        """The next bytes to write; ``b""``: nothing now."""
        ...

    def lost(self, unwritten: int, reason: str) -> None:
        """The connection is gone, or there was none; the last ``unwritten`` bytes of the last chunk never left."""
        ...

    def tick(self, now: float) -> None:
        """About twice a second, and after every wake-up without a connection. ``now``: monotonic seconds."""
        ...

    def finished(self) -> bool:
        """Whether nothing is under way, so that a closing connection may close."""
        ...


class BoxConnection:
    """Keeps a connection to ``host:port`` until it is stopped.

    :param connect_timeout: seconds.
    """

    def __init__(self, host: str, port: int, handler: Handler, *, connect_timeout: float = 5.0) -> None:
        self.host = host
        self.port = port
        self.fault = "not started"
        self._handler = handler
        self._connect_timeout = connect_timeout
        self._parser = Parser()
        self._near: socket.socket | None = None
        self._far: socket.socket | None = None
        self._woken = False
        self._stop_by: float | None = None
        self._hang_up = ""
        self._left = memoryview(b"")
        self._thread = threading.Thread(target=self._run, name=f"kannel-box-{host}:{port}", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return not self.fault

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self.fault = "connecting"
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._thread.start()

    @property
    def unknown(self) -> int:
        """Frames of the present connection whose type is not known."""
        return self._parser.unknown

    def wake(self) -> None:
        """There may be something to write. Cheap, from any thread."""
        near = self._near
        if near is not None and not self._woken:
            self._woken = True
            with contextlib.suppress(OSError):
                near.send(b"w")

    def hang_up(self, reason: str) -> None:
        """Close the connection when nothing is under way any more, and connect anew. From its own thread only."""
        self._hang_up = reason

    def stop(self, timeout: float) -> None:
        """Let what is under way finish within ``timeout`` seconds, close, end the thread. Calling it twice is safe."""
        if self._stop_by is None:
            self._stop_by = time.monotonic() + timeout
            if self._near is not None:
                with contextlib.suppress(OSError):
                    self._near.send(b"s")
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout + 5.0)
        self.fault = "stopped"

    def _run(self) -> None:
        delay = FIRST_DELAY
        try:
            while self._stop_by is None:
                began = time.monotonic()
                try:
                    self._lost(self._connect())
                except Exception:
                    log.exception("the connection to bearerbox ended by a fault of our own")
                    self._lost("a fault of our own; the log tells more")
                if time.monotonic() - began > STEADY:
                    delay = FIRST_DELAY
                self._pause(delay * random.uniform(0.8, 1.2))
                delay = min(delay * 2, LONGEST_DELAY)
        finally:
            for end in (self._near, self._far):
                assert end is not None
                end.close()

    def _connect(self) -> str:
        """Connect and serve the connection until it ends; returns why."""
        try:
            sock = socket.create_connection((self.host, self.port), self._connect_timeout)
        except OSError as error:
            return f"{self.host}:{self.port}: {error.strerror or error}"
        with sock:
            return self._serve(sock)

    def _lost(self, reason: str) -> None:
        if self.fault != reason and self._stop_by is None:
            log.warning("no connection to bearerbox: %s", reason)
        self.fault = reason
        unwritten = len(self._left)
        self._left = memoryview(b"")
        self._handler.lost(unwritten, reason)

    def _pause(self, seconds: float) -> None:
        """Wait before connecting again; still answer what comes in meanwhile, and notice a stop."""
        until = time.monotonic() + seconds
        assert self._far is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._far, selectors.EVENT_READ)
            while self._stop_by is None and (left := until - time.monotonic()) > 0:
                if selector.select(min(left, TICK)):
                    self._drain()
                self._handler.tick(time.monotonic())

    def _drain(self) -> None:
        assert self._far is not None
        self._woken = False
        with contextlib.suppress(BlockingIOError):
            while len(self._far.recv(4096)) == 4096:
                pass

    def _serve(self, sock: socket.socket) -> str:
        """Read and write until the connection ends; returns why."""
        _tune(sock)
        assert self._far is not None
        self._parser = parser = Parser()
        self._hang_up = ""
        self._left = memoryview(self._handler.opened())
        self.fault = ""
        log.info("connected to bearerbox at %s:%d", self.host, self.port)
        next_tick = time.monotonic() + TICK
        writing = False
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            selector.register(self._far, selectors.EVENT_READ)
            while True:
                try:
                    full = self._write(sock)
                    if full != writing:
                        writing = full
                        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if full else 0)
                        selector.modify(sock, mask)
                    now = time.monotonic()
                    if now >= next_tick:
                        self._handler.tick(now)
                        next_tick = now + TICK
                    if (reason := self._may_end(now)) is not None:
                        return reason
                    for key, mask in selector.select(next_tick - now):
                        if key.fileobj is self._far:
                            self._drain()
                        elif mask & selectors.EVENT_READ:
                            data = sock.recv(READ)
                            if not data:
                                return "bearerbox closed the connection"
                            frames = parser.feed(data)
                            if frames:
                                self._handler.received(frames)
                except BlockingIOError:
                    continue
                except FrameError as error:
                    log.error("bearerbox sent what is not the box protocol: %s", error)
                    return f"the far side does not speak the box protocol: {error}"
                except OSError as error:
                    return f"the connection broke: {error.strerror or error}"

    def _may_end(self, now: float) -> str | None:
        if self._stop_by is not None and (now >= self._stop_by or (self._handler.finished() and not self._left)):
            return "stopped"
        if self._hang_up and self._handler.finished() and not self._left:
            return self._hang_up
        return None

    def _write(self, sock: socket.socket) -> bool:
        """Write all there is. ``True``: the socket is full."""
        while True:
            if not self._left:
                if _closed(sock):
                    raise ConnectionResetError("bearerbox closed the connection")
                self._left = memoryview(self._handler.chunk())
                if not self._left:
                    return False
            try:
                sent = sock.send(self._left)
            except BlockingIOError:
                return True
            self._left = self._left[sent:]


def _closed(sock: socket.socket) -> bool:
    """Whether the far side has closed: a message written now would be lost, or at best uncertain."""
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False


def _tune(sock: socket.socket) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 30_000)):
        option = getattr(socket, name, None)  # Linux has them; elsewhere the system's own times hold
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
