"""A scripted smsbox for tests of the HTTP transport: answers sendsms in many ways, and calls our callbacks."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit

from ictcore.testing.far_side import FarSide, Sent
from ictcore.testing.servers import free_port
from ictcore.testing.waiting import wait_until
from ictcore_gateway_kannel.callbacks import MO_QUERY
from ictcore_gateway_kannel.text import concatenation
from ictcore_gateway_kannel.wire.http import Request, RequestParser, response

_BITS: Final = {"delivered": "1", "failed": "2", "progress": "4", "relayed": "8", "rejected": "16"}
_WORDS: Final = {"failed": "id:7 sub:001 dlvrd:000 stat:EXPIRED err:001 text:", "rejected": "NACK/0x0000000b/Invalid"}
_MODES: Final = {
    "accept": (202, "0: Accepted for delivery"),
    "queued": (202, "3: Queued for later delivery"),
    "reject": (403, "Not routable. Do not try again."),
    "throttle": (503, "Temporal failure, try again later."),
    "forbidden": (403, "Authorization failed for sendsms"),
    "odd": (202, "<html>It works!</html>"),
}


class Handed:
    """A callback on its way to the gateway. ``status``: the HTTP status of its answer, 0: none yet."""

    def __init__(self) -> None:
        self.status = 0
        self.fault = ""

    @property
    def acknowledged(self) -> bool:
        """Whether the gateway took it."""
        return self.status == 200

    @property
    def refused(self) -> bool:
        """Whether the gateway refused it."""
        return bool(self.fault) or self.status not in (0, 200)


class FakeSmsbox(FarSide):
    """See :class:`ictcore.testing.far_side.FarSide`.

    :param callback: the gateway's address for inbound messages, such as ``http://127.0.0.1:13015/TOKEN/mo``.
    """

    controls: ClassVar[frozenset[str]] = frozenset(
        {"absent", "drop", "stall", "nonsense", "slam", "reject", "throttle", "report", "unknown", "inbound"}
    )

    def __init__(self, callback: str) -> None:
        self.port = free_port()
        self.mode = "accept"
        self.callback = callback
        self.requests: list[Request] = []
        self.handed: list[Handed] = []
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._parts: dict[tuple[bytes, int, int], dict[int, str]] = {}
        self._urls: list[str] = []
        self._connects = 0
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []

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
            sockets = list(self._sockets)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="fake-smsbox", daemon=True)  # type: ignore[arg-type]
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
                self._sockets.add(sock)
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        parser = RequestParser()
        with contextlib.suppress(OSError), sock:
            going = True
            while going and (data := sock.recv(65536)):
                for request in parser.feed(data):
                    going = going and self._answer(sock, request)
        with self._lock:
            self._sockets.discard(sock)

    def _answer(self, sock: socket.socket, request: Request) -> bool:
        """Returns whether the connection goes on."""
        mode = self.mode
        if mode in _MODES:
            status, body = _MODES[mode]
            self._keep(request, taken=status == 202)
            sock.sendall(response(status, body))
            return True
        self._keep(request, taken=True)
        if mode == "nonsense":
            sock.sendall(b"\x00\x00\x00\x34 this is no HTTP\r\n\r\n")
            return True
        if mode == "half":
            sock.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 24\r\n\r\n0: Acc")
        return mode == "stall"

    def _keep(self, request: Request, *, taken: bool) -> None:
        query = request.query
        text = query["text"].decode()
        place = concatenation(query.get("udh", b""))
        with self._lock:
            self.requests.append(request)
            if not taken:
                return
            if "dlr-url" in query:
                self._urls.append(query["dlr-url"].decode())
            destination, source = query["to"].decode(), query["from"].decode()
            if place is not None:
                key = (query["to"], place.reference, place.total)
                parts = self._parts.setdefault(key, {})
                parts[place.number] = text
                if len(parts) < place.total:
                    return
                text = "".join(parts[number] for number in sorted(self._parts.pop(key)))
            self._sent.append(Sent(destination=destination, source=source, text=text))

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

    def report(self, attempt_id: str, outcome: str, *, again: bool = False) -> None:
        with self._lock:
            urls = [url for url in self._urls if attempt_id in url]
        for url in urls or [self.callback.rsplit("/", 1)[0] + f"/dlr?s=%d&t=%T&f=%F&a=%A&tag={attempt_id}"]:
            self.call(_fill(url, d=_BITS[outcome], A=_WORDS.get(outcome, ""), T="", F=""))

    def unknown_event(self) -> None:
        self.call(self.callback.rsplit("/", 1)[0] + "/dlr?s=64&tag=01890000-0000-7000-8000-000000000000")

    def inbound(self, text: str, *, called: str, caller: str, key: str) -> Handed:
        return self.inbound_data(text.encode("utf-16-be"), called=called, caller=caller, key=key, coding=2)

    def inbound_data(
        self, data: bytes, *, called: str, caller: str, key: str, coding: int, charset: str = "", udh: bytes = b""
    ) -> Handed:
        """A message from a phone, or a part of one, as smsbox fetches a ``get-url`` for it."""
        query = _fill(
            MO_QUERY, p=caller, P=called, c=str(coding), C=charset, I=key, i="fake", T="1767225600", u=udh, b=data
        )
        return self.call(f"{self.callback}?{query}")

    def call(self, url: str) -> Handed:
        """Fetch one of the gateway's callback addresses, and return at once."""
        handed = Handed()
        with self._lock:
            self.handed.append(handed)
        self._spawn(self._fetch, url, handed)
        return handed

    def _fetch(self, url: str, handed: Handed) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30.0)
        try:
            wait_until(lambda: _reaches(connection), 10.0, "the gateway listens")
            connection.request("GET", f"{parts.path}?{parts.query}")
            handed.status = connection.getresponse().status
        except (OSError, http.client.HTTPException, AssertionError) as error:
            handed.fault = repr(error)
        finally:
            connection.close()


def _reaches(connection: http.client.HTTPConnection) -> bool:
    try:
        connection.connect()
    except OSError:
        return False
    return True


def _fill(url: str, **values: str | bytes) -> str:
    """Replace Kannel's escapes, URL-encoded as smsbox does it."""
    for name, value in values.items():
        url = url.replace(f"=%{name}", f"={quote(value, safe='')}")
    return url
