"""Keep-alive HTTP connections to one server, one request under way on each; a request is never written twice."""

from __future__ import annotations

import errno
import random
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from ictcore_gateway_kannel.wire.http import HttpError, Response, ResponseParser
from ictcore_gateway_kannel.wire.loop import READ, WRITE, Loop

FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 10.0

Job = TypeVar("Job")


class Lost(Exception):
    """A request without an answer. ``written``: bytes of it have left."""

    def __init__(self, reason: str, *, written: bool, nonsense: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.written = written
        self.nonsense = nonsense


class Pool(Generic[Job]):
    """Up to ``most`` connections to ``host:port``. Lives in the thread of its loop, but for ``up`` and ``fault``.

    :param done: called with each job and its answer, or why there is none.
    :param timeout: seconds for connecting, and for one answer.
    :ivar fault: ``""`` while at least one connection stands.
    """

    def __init__(
        self, loop: Loop, host: str, port: int, most: int, timeout: float, done: Callable[[Job, Response | Lost], None]
    ) -> None:
        self.fault = "connecting"
        self.busy = 0
        self._loop = loop
        self._address = (host, port)
        self._most = most
        self.timeout = timeout
        self.done = done
        self.queue: deque[tuple[bytes, Job]] = deque()
        self.idle: list[_Connection[Job]] = []
        self.all: set[_Connection[Job]] = set()
        self._delay = FIRST_DELAY
        self._not_before = 0.0
        self._now = 0.0

    @property
    def up(self) -> bool:
        """Whether requests can be sent now."""
        return not self.fault

    def pump(self) -> None:
        """Hand waiting requests to free connections; open more when there are more requests."""
        queue = self.queue
        while queue and self.idle:
            connection = self.idle.pop()
            connection.is_idle = False
            if connection.closed():
                connection.end("the connection was closed")
                continue
            data, job = queue.popleft()
            connection.send(data, job, self._now)
        opening = len(self.all) - self.busy - len(self.idle)
        wanted = min(len(queue) - opening, self._most - len(self.all))
        if self.fault:
            wanted = min(wanted, 0)
        for _ in range(wanted):
            self._open()

    def tick(self, now: float) -> None:
        """Time passes: try again to connect, give up on those that wait for too long."""
        self._now = now
        if not self.all and now >= self._not_before:
            self._open()
        for connection in [each for each in self.all if each.since < now - self.timeout and not each.is_idle]:
            connection.end("no answer in time" if connection.job is not None else "connecting takes too long")

    def close(self) -> None:
        """Close every connection; what was under way is lost."""
        for connection in list(self.all):
            connection.end("stopped")
        while self.queue:
            self.done(self.queue.popleft()[1], Lost("stopped", written=False))

    def _open(self) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(*self._address, type=socket.SOCK_STREAM)[0]
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = sock.connect_ex(address)
        except OSError as error:
            self.failed(error.strerror or str(error))
            return
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            self.failed(errno.errorcode.get(code, str(code)))
            return
        self.all.add(_Connection(self, self._loop, sock, self._now))

    def failed(self, reason: str) -> None:
        """A connection could not be made. While no other stands, nothing can be sent."""
        if any(connection.stands for connection in self.all):
            return
        self.fault = f"{self._address[0]}:{self._address[1]}: {reason}"
        self._not_before = self._now + self._delay * random.uniform(0.8, 1.2)
        self._delay = min(self._delay * 2, LONGEST_DELAY)
        while self.queue:
            self.done(self.queue.popleft()[1], Lost(self.fault, written=False))

    def made(self) -> None:
        """A connection stands."""
        self.fault = ""
        self._delay = FIRST_DELAY


class _Connection(Generic[Job]):
    __slots__ = ("_left", "_loop", "_parser", "_pool", "_sock", "_wrote", "is_idle", "job", "since", "stands")

    def __init__(self, pool: Pool[Job], loop: Loop, sock: socket.socket, now: float) -> None:
        self._pool = pool
        self._loop = loop
        self._sock = sock
        self._parser = ResponseParser()
        self._left = b""
        self._wrote = False
        self.job: Job | None = None
        self.since = now
        self.stands = False
        self.is_idle = False
        loop.watch(sock, WRITE, self._connected)

    def _connected(self, _: int) -> None:
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.end(errno.errorcode.get(code, str(code)))
            return
        if self.closed():
            self.end("the connection was closed at once")
            return
        self.stands = True
        self._loop.change(self._sock, READ, self._ready)
        self._pool.made()
        self._rest()

    def closed(self) -> bool:
        """Whether the server has closed it already: a request written now would be lost, or at best uncertain."""
        try:
            return not self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _rest(self) -> None:
        """Nothing to do: take the next request, or wait for one."""
        pool = self._pool
        if pool.queue:
            data, job = pool.queue.popleft()
            self.send(data, job, self.since)
        else:
            self.is_idle = True
            pool.idle.append(self)

    def send(self, data: bytes, job: Job, now: float) -> None:
        """Begin a request. The caller has taken the connection off the idle list."""
        self.job = job
        self.since = now
        self._pool.busy += 1
        self._wrote = False
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.end(error.strerror or str(error))
            return
        self._wrote = sent > 0
        if sent < len(data):
            self._left = data[sent:]
            self._loop.change(self._sock, READ | WRITE, self._ready)

    def _ready(self, mask: int) -> None:
        if mask & WRITE and self._left:
            try:
                sent = self._sock.send(self._left)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self.end(error.strerror or str(error))
                return
            self._wrote = self._wrote or sent > 0
            self._left = self._left[sent:]
            if not self._left:
                self._loop.change(self._sock, READ, self._ready)
        if not mask & READ:
            return
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(error.strerror or str(error))
            return
        if not data:
            self.end("the connection was closed")
            return
        try:
            response = self._parser.feed(data)
            if response is not None and (self.job is None or self._left):
                raise HttpError("an answer to no request")
        except HttpError as error:
            self.end(str(error), nonsense=True)
            return
        if response is not None:
            self._answered(response)

    def _answered(self, response: Response) -> None:
        pool, job = self._pool, self.job
        self.job = None
        pool.busy -= 1
        assert job is not None
        pool.done(job, response)
        if response.keep:
            self._rest()
        else:
            self.end("closed after the answer")

    def end(self, reason: str, *, nonsense: bool = False) -> None:
        """Close it; the request under way is lost, or goes back when nothing of it has left."""
        pool, job, stood = self._pool, self.job, self.stands
        self.stands = False
        self.job = None
        pool.all.discard(self)
        if self.is_idle:
            self.is_idle = False
            pool.idle.remove(self)
        self._loop.forget(self._sock)
        if job is not None:
            pool.busy -= 1
            pool.done(job, Lost(reason, written=self._wrote, nonsense=nonsense))
        if not stood:
            pool.failed(reason)
