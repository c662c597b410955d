"""The one thread that drives all connections of the gateway."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

TICK: Final = 0.25
"""Seconds. How often time limits are looked at."""


class Loop:
    """Waits for sockets, calls who asked for them, and gives everybody a turn.

    :param on_turn: called after each round with ``now`` (monotonic seconds) and ``tick`` (whether time limits are due).
    """

    def __init__(self, name: str, on_turn: Callable[[float, bool], None]) -> None:
        self._on_turn = on_turn
        self._calls: deque[Callable[[], None]] = deque()
        self._asleep = False
        self._ending = False
        self._time = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; not twice."""
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._selector.register(self._reader, selectors.EVENT_READ, self._woken)
        self._thread.start()

    def call(self, function: Callable[[], None]) -> None:
        """Have ``function`` called in the loop's thread; from any thread. Functions are called in their order."""
        self._calls.append(function)
        self.wake()

    def wake(self) -> None:
        """End the loop's sleep; cheap when it is awake."""
        if self._asleep:
            self._asleep = False
            with contextlib.suppress(BlockingIOError, OSError):
                self._writer.send(b"!")

    def end(self) -> None:
        """Leave the loop after this round; in the loop's thread."""
        self._ending = True

    def join(self, timeout: float) -> bool:
        """Wait until the thread has ended. ``False``: it has not, within ``timeout`` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Give back the loop's own sockets, once its thread has ended; nothing to do when it was never started."""
        if self._thread.ident is not None:
            self._selector.close()
            self._reader.close()
            self._writer.close()

    def now(self) -> float:
        """Monotonic seconds, read once a round."""
        return self._time

    def watch(self, sock: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        """Call ``callback(events)`` whenever ``sock`` can be read or written."""
        try:
            self._selector.modify(sock, events, callback)
        except KeyError:
            self._selector.register(sock, events, callback)

    def forget(self, sock: socket.socket) -> None:
        """Watch ``sock`` no more."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sock)

    def _woken(self, events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def _run(self) -> None:
        select, calls = self._selector.select, self._calls
        next_tick = 0.0
        while not self._ending:
            self._asleep = True
            ready = select(0.0 if calls else max(0.0, next_tick - time.monotonic()))
            self._asleep = False
            self._time = now = time.monotonic()
            tick = now >= next_tick
            if tick:
                next_tick = now + TICK
            try:
                for key, events in ready:
                    key.data(events)
                while calls:
                    calls.popleft()()
                self._on_turn(now, tick)
            except Exception:
                # The thread must live: without it nothing is sent and nothing is told.
                log.exception("a fault of our own in the mail loop")
