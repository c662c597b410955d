"""A scripted smsbox for tests of the HTTP transport: answers sendsms in many ways, and calls our callbacks."""

from __future__ import annotations

import http.client
import socket
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit

from ictcore.testing.far_side import Sent
from ictcore.testing.waiting import wait_until
from ictcore_gateway_kannel.callbacks import MO_QUERY
from ictcore_gateway_kannel.testing.scripted import ScriptedFarSide
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


class FakeSmsbox(ScriptedFarSide):
    """See :class:`ictcore.testing.far_side.FarSide`.

    :param callback: the gateway's address for inbound messages, such as ``http://127.0.0.1:13015/TOKEN/mo``.
    """

    controls: ClassVar[frozenset[str]] = frozenset(
        {"absent", "drop", "stall", "nonsense", "slam", "reject", "throttle", "report", "unknown", "inbound"}
    )

    def __init__(self, callback: str) -> None:
        super().__init__()
        self.callback = callback
        self.requests: list[Request] = []
        self.handed: list[Handed] = []
        self._parts: dict[tuple[bytes, int, int], dict[int, str]] = {}
        self._urls: list[str] = []

    def _talk(self, sock: socket.socket) -> None:
        parser = RequestParser()
        going = True
        while going and (data := sock.recv(65536)):
            for request in parser.feed(data):
                going = going and self._answer(sock, request)

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
