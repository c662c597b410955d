"""A dispatcher's lease: while it holds, nobody else takes over what the dispatcher has claimed."""

from __future__ import annotations

import os
import socket
import time

from ictcore.domain.clock import Clock, epoch
from ictcore.store import workers
from ictcore.store.database import Store


class LostLease(Exception):
    """Others have taken over what this worker held; it must begin anew and submit nothing meanwhile."""


class Lease:
    """The row of this process in the table ``worker``.

    :param seconds: how long the lease holds after each renewal.
    :ivar worker: id of the row.
    """

    def __init__(self, store: Store, node: int, seconds: float, clock: Clock) -> None:
        self._store = store
        self._node = node
        self._seconds = seconds
        self._clock = clock
        self._safe_until = 0.0
        self.worker = 0

    def begin(self) -> int:
        """Make a new row; its id."""
        began, now = ticks(), epoch(self._clock())
        self.worker = workers.register(self._store, self._node, process_name(), now, now + self._seconds)
        self._safe_until = began + 0.7 * self._seconds
        return self.worker

    def renew(self, health: str = "[]", counters: str = "{}") -> None:
        """Lengthen it, and publish health and counters.

        :raises LostLease: the row is gone.
        """
        began = ticks()
        until = epoch(self._clock()) + self._seconds
        if not workers.renew(self._store, self.worker, until, health, counters):
            raise LostLease
        self._safe_until = began + 0.7 * self._seconds

    def check(self) -> None:
        """Inside a transaction: make sure that the row is there, and stays until the transaction ends.

        :raises LostLease: it is gone.
        """
        if not workers.exists(self._store, self.worker):
            raise LostLease

    @property
    def safe(self) -> bool:
        """Whether it was renewed so lately that nobody can have taken over, even if this process was stopped since."""
        return ticks() < self._safe_until


def ticks() -> float:
    """Seconds that go on while the process, or the whole machine, sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def process_name(pid: int | None = None) -> str:
    """This process, so that another one on the same machine can tell whether it still lives:
    host, PID namespace, PID and start time."""
    pid = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}/{_namespace()}/{pid}/{_started(pid)}"


def is_gone(name: str) -> bool:
    """Whether the process with this :func:`process_name` has certainly ended. ``False`` when it cannot be known."""
    parts = name.rsplit("/", 3)
    if len(parts) != 4 or not parts[2].isdigit():
        return False
    host, namespace, pid, started = parts
    if host != socket.gethostname() or namespace != _namespace() or not namespace or not started:
        return False
    return _started(int(pid)) != started


def _namespace() -> str:
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot, ``""`` when there is none or it is only a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
