"""A scripted example carrier for tests: it answers well, badly, late or never, and remembers what it really got."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time

import msgspec

from ictcore.testing.far_side import FarSide, Sent
from ictcore.testing.servers import free_port


class Handed:
    """An inbound text on its way to the gateway."""

    acknowledged = False
    refused = False


class FakeCarrier(FarSide):
    """Listens on ``port``; posts reports and texts to ``events_port``."""

    controls = frozenset(
        {"absent", "drop", "stall", "nonsense", "slam", "reject", "throttle", "report", "unknown", "inbound"}
    )

    def __init__(self, password: str, token: str) -> None:
        self.port = free_port()
        self.events_port = free_port()
        self._password = password
        self._token = token
        self._mode = "accept"
        self._sent: list[Sent] = []
        self._connects = 0
        self._server: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._last_report = b""

    def start(self) -> None:
        if self._server is None:
            self._mode = "accept"
            self._server = socket.create_server(("127.0.0.1", self.port))
            self._run(self._accept, self._server)

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        server.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5.0)
        self._threads.clear()

    def sent(self) -> list[Sent]:
        return list(self._sent)

    def accept(self) -> None:
        self._mode = "accept"

    def reject(self) -> None:
        self._mode = "reject"

    def throttle(self) -> None:
        self._mode = "throttle"

    def drop_before_reply(self) -> None:
        self._mode = "drop"

    def stall(self) -> None:
        self._mode = "stall"

    def nonsense(self) -> None:
        self._mode = "nonsense"

    def slam(self) -> None:
        self._mode = "slam"

    def connects(self) -> int:
        return self._connects

    def report(self, attempt_id: str, outcome: str, *, again: bool = False) -> None:
        status = {"delivered": "delivered", "failed": "failed", "progress": "buffered"}[outcome]
        code = "switched_off" if outcome == "failed" else ""
        self._run(self._post, {"type": "report", "id": attempt_id, "status": status, "code": code})

    def unknown_event(self) -> None:
        self._run(self._post, {"type": "price_list", "currency": "EUR"})

    def inbound(self, text: str, *, called: str, caller: str, key: str) -> Handed:
        handed = Handed()
        self._run(self._post, {"type": "message", "key": key, "from": caller, "to": called, "text": text}, handed)
        return handed

    def _run(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _post(self, event: dict[str, str], handed: Handed | None = None) -> None:
        for _ in range(50):  # as a carrier does: again, until it is taken
            connection = http.client.HTTPConnection("127.0.0.1", self.events_port, timeout=10.0)
            try:
                headers = {"Authorization": f"Bearer {self._token}"}
                connection.request("POST", "/events", msgspec.json.encode(event), headers)
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException):
                status = 0
            finally:
                connection.close()
            if handed is not None:
                handed.acknowledged, handed.refused = status == 200, status == 422
            if status in (200, 422) or self._server is None:
                return
            time.sleep(0.02)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self._connects += 1
            if self._mode == "slam":
                connection.close()
            else:
                self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as stream:
            request = stream.readline()
            headers = http.client.parse_headers(stream)
            body = stream.read(int(headers["Content-Length"]))
            answer = self._answer(request, headers["Authorization"], body)
            while self._mode == "stall" and self._server is not None and not _closed(connection):
                time.sleep(0.01)
            connection.sendall(answer)
        self._open.discard(connection)

    def _answer(self, request: bytes, authorization: str, body: bytes) -> bytes:
        if request != b"POST /messages HTTP/1.1\r\n" or authorization != f"Bearer {self._password}":
            return _response("401 Unauthorized", {"code": "credentials"})
        if self._mode == "reject":
            return _response("422 Unprocessable Entity", {"code": "spam"})
        if self._mode == "throttle":
            return _response("429 Too Many Requests", {"code": "slow_down"}, "Retry-After: 2\r\n")
        told = msgspec.json.decode(body, type=dict[str, str])
        self._sent.append(Sent(destination=told["to"], source=told["from"], text=told["text"], raw=body))
        if self._mode in ("drop", "stall"):
            return b""
        if self._mode == "nonsense":
            return b"\x00\xff 418 teapot\r\n\r\n\r\n"
        return _response("202 Accepted", {"id": f"v{len(self._sent)}"})


def _response(status: str, content: dict[str, str], more: str = "") -> bytes:
    body = msgspec.json.encode(content)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n".encode() + body


def _closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        connection.setblocking(True)
