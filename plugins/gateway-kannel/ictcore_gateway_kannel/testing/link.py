"""The far side of a link of Kannel's type ``fake``: a line for each message, in both directions."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from ictcore.testing.servers import ServerProcess
from ictcore.testing.waiting import PATIENCE, wait_until
from ictcore_gateway_kannel.text import concatenation

FAKESMSC: Final = "/usr/lib/kannel/test/fakesmsc"
_GOT: Final = re.compile(r"Got message \d+: <(.*)>$", re.M)


class LinkMessage(NamedTuple):
    """One message (or part of one) as the link got it.

    :ivar kind: ``text``, ``data``, ``ucs-2`` or ``udh``.
    """

    sender: str
    receiver: str
    kind: str
    udh: bytes
    data: bytes

    @property
    def text(self) -> str:
        """The text; that of a ``udh`` part in UTF-8, or in UTF-16 when it can only be that."""
        if self.kind == "ucs-2" or (self.udh and _looks_like_ucs2(self.data)):
            return self.data.decode("utf-16-be", "replace")
        return self.data.decode("utf-8", "replace")


def _looks_like_ucs2(data: bytes) -> bool:
    return len(data) % 2 == 0 and any(octet < 0x20 and octet not in (10, 13) for octet in data[::2])


def parse_line(line: str) -> LinkMessage | None:
    """What a line of the link says; ``None`` for a line that says nothing."""
    words = line.split(" ", 3)
    if len(words) < 4:
        return None
    sender, receiver, kind, rest = words
    if kind == "udh":
        udh, _, data = rest.partition(" data ")
        return LinkMessage(sender, receiver, kind, _unquote(udh), _unquote(data))
    if kind in ("data", "ucs-2"):
        return LinkMessage(sender, receiver, kind, b"", _unquote(rest))
    return LinkMessage(sender, receiver, kind, b"", rest.encode())


def _unquote(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", " "))


def _quote(data: bytes) -> str:
    return quote(data, safe="").replace("%20", "+")


def joined(messages: Sequence[LinkMessage]) -> list[tuple[str, str]]:
    """``(receiver, text)`` of whole messages, in the order of completion: parts are joined by their header."""
    found: list[tuple[str, str]] = []
    parts: dict[tuple[str, int, int], dict[int, LinkMessage]] = {}
    for message in messages:
        place = concatenation(message.udh)
        if place is None:
            found.append((message.receiver, message.text))
            continue
        key = (message.receiver, place.reference, place.total)
        known = parts.setdefault(key, {})
        known[place.number] = message
        if len(known) == place.total:
            whole = message._replace(data=b"".join(known[number].data for number in sorted(known)))
            found.append((message.receiver, whole.text))
            del parts[key]
    return found


class FakeLink:
    """A client of a ``fake`` link, in Python. Connects when bearerbox is there, and again when it was away."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._lock = threading.Lock()
        self._messages: list[LinkMessage] = []
        self._socket: socket.socket | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"fake-link-{port}", daemon=True)

    def start(self) -> FakeLink:
        """Begin to connect; returns at once."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close it. Calling it twice is safe."""
        self._stop.set()
        self._close()
        if self._thread.is_alive():
            self._thread.join(10.0)

    @property
    def connected(self) -> bool:
        """Whether it is connected."""
        return self._socket is not None

    def received(self) -> list[LinkMessage]:
        """All that it got, in order."""
        with self._lock:
            return list(self._messages)

    def texts(self) -> list[tuple[str, str]]:
        """``(receiver, text)`` of all whole messages, long ones joined."""
        return joined(self.received())

    def send_text(self, sender: str, receiver: str, text: str) -> None:
        """A message from a phone, in GSM 7 bit (as UTF-8). It must not hold line ends."""
        self._send(f"{sender} {receiver} text {text}")

    def send_part(self, sender: str, receiver: str, udh: bytes, data: bytes) -> None:
        """A part of a long message from a phone."""
        self._send(f"{sender} {receiver} udh {_quote(udh)} {_quote(data)}")

    def send_to_box(self, sender: str, receiver: str, box: str, text: str) -> None:
        """A message from a phone that names the box it is for."""
        self._send(f"{sender} {receiver} route {box} {text}")

    def _send(self, line: str) -> None:
        wait_until(lambda: self.connected, PATIENCE, "the link is connected")
        assert self._socket is not None
        self._socket.sendall(line.encode() + b"\n")

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                sock = socket.create_connection(("127.0.0.1", self.port), timeout=5.0)
                sock.settimeout(None)
                self._socket = sock
                self._read(sock)
            self._close()
            self._stop.wait(0.05)

    def _read(self, sock: socket.socket) -> None:
        rest = b""
        while not self._stop.is_set():
            data = sock.recv(65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            parsed = [parse_line(line.decode("utf-8", "replace")) for line in lines]
            with self._lock:
                self._messages.extend(message for message in parsed if message is not None)

    def _close(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class FakeSmsc:
    """Kannel's own ``fakesmsc`` as a child process.

    :param messages: messages from phones, such as ``"123 456 text hello"``; ``count`` of them are sent.
    :param quiet: log nothing of what arrives (for benchmarks); then :meth:`received` stays empty.
    """

    def __init__(
        self,
        port: int,
        log: Path,
        *messages: str,
        count: int = 0,
        interval: float = 0.01,
        quiet: bool = False,
        program: str = FAKESMSC,
    ) -> None:
        level = ["-v", "4"] if quiet else []
        argv = [program, *level, "-H", "127.0.0.1", "-r", str(port), "-i", str(interval), "-m", str(count)]
        self._process = ServerProcess([*argv, *(messages or ("0 0 text nothing",))], log=log, ready=lambda: True)

    def start(self) -> FakeSmsc:
        """Start it: bearerbox must be there."""
        self._process.start()
        return self

    def stop(self) -> None:
        """Stop it. Calling it twice is safe."""
        self._process.stop()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.running

    def received(self) -> list[LinkMessage]:
        """All that it got so far, in order; read from its log."""
        found = (parse_line(line) for line in _GOT.findall(self._process.output()))
        return [message for message in found if message is not None]


__all__ = ["FAKESMSC", "FakeLink", "FakeSmsc", "LinkMessage", "joined", "parse_line"]
