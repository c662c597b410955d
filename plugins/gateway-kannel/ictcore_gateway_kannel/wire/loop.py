"""One thread that waits for many sockets and calls back: whoever is ready, what is due, and after each round."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

log = logging.getLogger(__name__)

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE
TICK: Final = 0.25

Ready = Callable[[int], None]
"""Called with what the socket is ready for."""


class Rounds(Protocol):
    """Who lives in a loop; all calls come from its thread."""

    def round(self) -> None:
        """After each round of callbacks: pass on what they gathered."""
        ...

    def tick(self, now: float) -> None:
        """About four times a second. ``now``: monotonic seconds."""
        ...

    def finished(self) -> bool:
        """Whether nothing is under way, so that a stopping loop may end."""
        ...

    def ended(self) -> None:
        """The loop ends: close everything, report what is left."""
        ...


class Loop:
    """The thread and its selector. All but :meth:`wake` and :meth:`stop` belong to the thread itself."""

    def __init__(self, name: str, rounds: Rounds) -> None:
        self._rounds = rounds
        self._selector: selectors.BaseSelector
        self._near: socket.socket | None = None
        self._far: socket.socket
        self._woken = False
        self._stop_by: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def open(self) -> None:
        """Make ready, so that sockets can be watched; nothing runs yet."""
        self._selector = selectors.DefaultSelector()
        near, self._far = socket.socketpair()
        near.setblocking(False)
        self._far.setblocking(False)
        self._selector.register(self._far, READ, self._drain)
        self._near = near

    def start(self) -> None:
        """Begin; :meth:`open` was called."""
        self._thread.start()

    def watch(self, sock: socket.socket, events: int, ready: Ready) -> None:
        """Call ``ready`` when the socket can be read or written."""
        self._selector.register(sock, events, ready)

    def change(self, sock: socket.socket, events: int, ready: Ready) -> None:
        """Watch for other things."""
        self._selector.modify(sock, events, ready)

    def forget(self, sock: socket.socket) -> None:
        """Watch no longer, and close it."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sock)
        sock.close()

    def wake(self) -> None:
        """Run a round soon. From any thread."""
        near = self._near
        if near is not None and not self._woken:
            self._woken = True
            with contextlib.suppress(OSError):
                near.send(b"w")

    def stop(self, timeout: float) -> None:
        """End when nothing is under way, at the latest after ``timeout`` seconds. Calling it twice is safe."""
        if self._stop_by is None:
            self._stop_by = time.monotonic() + timeout
            if self._near is not None:
                with contextlib.suppress(OSError):
                    self._near.send(b"s")
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout + 5.0)

    def _call(self, key: selectors.SelectorKey, mask: int) -> None:
        sock = key.fileobj
        assert isinstance(sock, socket.socket)
        if sock.fileno() < 0:
            return  # an earlier callback has closed it
        try:
            key.data(mask)
        except Exception:
            log.exception("a fault of our own; its connection is closed")
            self.forget(sock)

    def _drain(self, _: int) -> None:
        self._woken = False
        with contextlib.suppress(BlockingIOError):
            while len(self._far.recv(4096)) == 4096:
                pass

    def _run(self) -> None:
        next_tick = 0.0
        try:
            while True:
                now = time.monotonic()
                if self._stop_by is not None and (now >= self._stop_by or self._rounds.finished()):
                    break
                try:
                    if now >= next_tick:
                        next_tick = now + TICK
                        self._rounds.tick(now)
                    self._rounds.round()
                except Exception:
                    log.exception("a fault of our own")
                for key, mask in self._selector.select(max(0.0, next_tick - time.monotonic())):
                    self._call(key, mask)
        finally:
            try:
                self._rounds.ended()
            except Exception:
                log.exception("a fault of our own while stopping")
            self._selector.close()
            self._far.close()
            assert self._near is not None
            self._near.close()
