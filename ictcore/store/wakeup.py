"""Noticing new work: PostgreSQL tells (LISTEN), SQLite is asked (``PRAGMA data_version``)."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Callable

import psycopg

from ictcore.domain.errors import StoreUnavailable
from ictcore.store.database import Store
from ictcore.store.queue import CHANNEL

log = logging.getLogger(__name__)


class Wakeup:
    """Calls ``wake`` when another process may have queued something; from any thread, and sometimes for nothing.

    :ivar interval: seconds at most between two calls of :meth:`poll`.
    """

    def __init__(self, store: Store, wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake
        self._version: int | None = None
        self._stop = threading.Event()
        self._sockets: tuple[socket.socket, socket.socket] | None = None  # closing the first ends the thread's wait
        self._thread: threading.Thread | None = None
        self.interval = 0.02 if store.is_sqlite else 0.25

    def start(self) -> None:
        """Begin to listen. On SQLite nothing has to be started."""
        if not self._store.is_sqlite and self._thread is None:
            self._sockets = socket.socketpair()
            self._thread = threading.Thread(target=self._listen, name="queue-listener", daemon=True)
            self._thread.start()

    def poll(self) -> bool:
        """Whether another connection has changed the SQLite database since the last call. Called by the thread that
        owns the connection. ``False`` on PostgreSQL, and while the database cannot be used."""
        if not self._store.is_sqlite:
            return False
        try:
            version: int = self._store.value("PRAGMA data_version")
        except StoreUnavailable:
            return False
        changed = version != self._version
        self._version = version
        return changed

    def stop(self) -> None:
        """Stop listening; leaves no thread. Calling it twice is safe."""
        self._stop.set()
        if self._thread is not None and self._sockets is not None:
            self._sockets[0].close()
            self._thread.join(10.0)
            self._sockets[1].close()
            self._thread = None

    def _listen(self) -> None:
        assert self._sockets is not None
        stopped = self._sockets[1]
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._store.url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._wake()  # what came while nobody listened
                    while not self._stop.is_set():
                        select.select([connection.fileno(), stopped.fileno()], [], [], 60.0)
                        if not self._stop.is_set() and any(True for _ in connection.notifies(timeout=0)):
                            self._wake()
            except (psycopg.Error, OSError) as error:
                if not self._stop.is_set():
                    log.info("not listening for new work (%s); the queue is polled", type(error).__name__)
                    self._stop.wait(1.0)
