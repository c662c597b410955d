"""What the scripted bearerbox and the scripted smsbox share: they listen, and behave as they are told."""

from __future__ import annotations

import contextlib
import socket
import threading

from ictcore.testing.far_side import FarSide, Sent
from ictcore.testing.servers import free_port


class ScriptedFarSide(FarSide):
    """See :class:`ictcore.testing.far_side.FarSide`. A subclass speaks its protocol in :meth:`_talk`.

    :ivar mode: how it behaves now.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.mode = "accept"
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._connects = 0
        self._sockets: dict[socket.socket, None] = {}  # in the order of their connecting
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []

    def _talk(self, sock: socket.socket) -> None:
        """Serve one connection until it ends. An ``OSError`` ends it too."""
        raise NotImplementedError

    def start(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            self._spawn(self._accept, self._listener)

    def stop(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.disconnect()
        for thread in self._threads:
            thread.join(5.0)
        self._threads.clear()

    def disconnect(self) -> None:
        """Close all connections and go on listening."""
        with self._lock:
            sockets, self._sockets = list(self._sockets), {}
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=type(self).__name__, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connects += 1
                if self.mode == "slam":
                    sock.close()
                    continue
                self._sockets[sock] = None
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            self._talk(sock)
        with self._lock:
            self._sockets.pop(sock, None)

    # What a test says

    def sent(self) -> list[Sent]:
        with self._lock:
            return list(self._sent)

    def accept(self) -> None:
        with self._lock:  # whoever is being slammed is gone when this returns
            self.mode = "accept"

    def reject(self) -> None:
        self.mode = "reject"

    def throttle(self) -> None:
        self.mode = "throttle"

    def drop_before_reply(self) -> None:
        self.mode = "drop"

    def stall(self) -> None:
        self.mode = "stall"

    def nonsense(self) -> None:
        self.mode = "nonsense"

    def slam(self) -> None:
        self.mode = "slam"
        self.disconnect()

    def connects(self) -> int:
        return self._connects
