"""A small SMPP 3.4 server: takes messages from Kannel, answers, refuses, and reports as a test tells it."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

from ictcore_gateway_kannel.text import ALPHABET, EXTENSION, concatenation

_HEAD: Final = struct.Struct(">IIII")
_RESPONSE: Final = 0x80000000
_BINDS: Final = {0x01: "receiver", 0x02: "transmitter", 0x09: "transceiver"}
_SUBMIT: Final = 0x04
_DELIVER: Final = 0x05
_UNBIND: Final = 0x06
_ENQUIRE: Final = 0x15
INVALID_PASSWORD: Final = 0x0E
_EXTENDED: Final = {code: letter for letter, code in EXTENSION.items()}


class SmppMessage(NamedTuple):
    """One ``submit_sm``.

    :ivar data: the user data without its header.
    """

    id: str
    source: str
    destination: str
    coding: int
    udh: bytes
    data: bytes
    registered: bool

    @property
    def text(self) -> str:
        """Its text: UCS-2, or the default alphabet one octet a septet."""
        return decode(self.data, self.coding)


def decode(data: bytes, coding: int) -> str:
    """The text of user data."""
    if coding == 8:
        return data.decode("utf-16-be", "replace")
    letters: list[str] = []
    escaped = False
    for octet in data:
        if escaped:
            letters.append(_EXTENDED.get(octet, ALPHABET[octet & 0x7F]))
            escaped = False
        elif octet == 0x1B:
            escaped = True
        else:
            letters.append(ALPHABET[octet & 0x7F])
    return "".join(letters)


def join(messages: Sequence[SmppMessage]) -> list[tuple[str, str, str]]:
    """``(source, destination, text)`` of whole messages, in the order of completion."""
    found: list[tuple[str, str, str]] = []
    parts: dict[tuple[str, int, int], dict[int, SmppMessage]] = {}
    for message in messages:
        place = concatenation(message.udh)
        if place is None:
            found.append((message.source, message.destination, message.text))
            continue
        key = (message.destination, place.reference, place.total)
        known = parts.setdefault(key, {})
        known[place.number] = message
        if len(known) == place.total:
            data = b"".join(known[number].data for number in sorted(known))
            found.append((message.source, message.destination, decode(data, message.coding)))
            del parts[key]
    return found


class SmppServer:
    """Listens on a free port of the loopback interface.

    :param password: what a bind must bring.
    :ivar status: ``command_status`` of the answers to ``submit_sm`` from now on; 0: taken.
    :ivar report_as: the ``stat`` of the receipt that follows each taken message by itself, ``""``: none.
    """

    def __init__(self, *, username: str = "ictcore", password: str = "smpp-pw", report_as: str = "DELIVRD") -> None:  # noqa: S107
        self.username = username
        self.password = password
        self.status = 0
        self.report_as = report_as
        self.report_error = "000"
        self.binds: list[str] = []
        self._numbers = itertools.count(1)
        self._sequence = itertools.count(1)
        self._lock = threading.Lock()
        self._messages: list[SmppMessage] = []
        self._bound: list[socket.socket] = []
        self._all: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._accept)

    def stop(self) -> None:
        """Close everything. Calling it twice is safe."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets = list(self._all)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5.0)

    def received(self) -> list[SmppMessage]:
        """Every ``submit_sm`` that came, in order, the refused ones left out."""
        with self._lock:
            return list(self._messages)

    def texts(self) -> list[tuple[str, str, str]]:
        """``(source, destination, text)`` of whole messages."""
        return join(self.received())

    @property
    def bound(self) -> int:
        """How many sessions can receive from us."""
        with self._lock:
            return len(self._bound)

    def report(self, message: SmppMessage, stat: str, error: str = "000") -> None:
        """Send a receipt for a message, with ``stat`` such as ``DELIVRD``, ``EXPIRED``, ``UNDELIV``, ``REJECTD``."""
        text = (
            f"id:{message.id} sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:{stat} err:{error} "
            "text:none"
        )
        self._deliver(message.destination, message.source, 0x04, 0, text.encode("ascii"))

    def send(self, source: str, destination: str, data: bytes, *, coding: int = 0, udh: bytes = b"") -> None:
        """A message from a phone. ``data``: in the alphabet of ``coding`` (0 default, 8 UCS-2)."""
        self._deliver(source, destination, 0x40 if udh else 0, coding, udh + data)

    def _deliver(self, source: str, destination: str, esm_class: int, coding: int, data: bytes) -> None:
        body = b"".join(
            (
                b"\x00", _address(source), _address(destination),
                bytes((esm_class, 0, 0)), b"\x00\x00", bytes((0, 0, coding, 0, len(data))), data,
            )
        )  # fmt: skip
        pdu = _HEAD.pack(16 + len(body), _DELIVER, 0, next(self._sequence)) + body
        with self._lock:
            if not self._bound:
                raise AssertionError("no session can receive")
            self._bound[-1].sendall(pdu)

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="smpp-server", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._all.add(sock)
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock, sock.makefile("rb") as stream:
            while len(head := stream.read(16)) == 16:
                length, command, _, sequence = _HEAD.unpack(head)
                if not self._pdu(sock, command, sequence, stream.read(length - 16)):
                    break
        with self._lock:
            self._all.discard(sock)
            if sock in self._bound:
                self._bound.remove(sock)

    def _pdu(self, sock: socket.socket, command: int, sequence: int, body: bytes) -> bool:
        if command in _BINDS:
            return self._bind(sock, command, sequence, body)
        if command == _SUBMIT:
            self._submit(sock, sequence, body)
        elif command in (_ENQUIRE, _UNBIND):
            self._answer(sock, command, 0, sequence)
        return command != _UNBIND

    def _bind(self, sock: socket.socket, command: int, sequence: int, body: bytes) -> bool:
        username, password, _ = body.split(b"\x00", 2)
        good = (username.decode(), password.decode()) == (self.username, self.password)
        self._answer(sock, command, 0 if good else INVALID_PASSWORD, sequence, b"server\x00")
        with self._lock:
            self.binds.append(_BINDS[command] if good else "refused")
            if good and command != 0x02:
                self._bound.append(sock)
        return good

    def _submit(self, sock: socket.socket, sequence: int, body: bytes) -> None:
        if self.status:
            self._answer(sock, _SUBMIT, self.status, sequence)
            return
        message = _parse(body, f"smpp-{next(self._numbers)}")
        with self._lock:
            self._messages.append(message)
        self._answer(sock, _SUBMIT, 0, sequence, message.id.encode() + b"\x00")
        if self.report_as and message.registered:
            self.report(message, self.report_as, self.report_error)

    def _answer(self, sock: socket.socket, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        with self._lock:
            sock.sendall(_HEAD.pack(16 + len(body), command | _RESPONSE, status, sequence) + body)


def _address(number: str) -> bytes:
    """Type of number (1: international), numbering plan (1: telephone), and the number itself."""
    return bytes((number.startswith("+"), 1)) + number.lstrip("+").encode() + b"\x00"


def _parse(body: bytes, message_id: str) -> SmppMessage:
    _, rest = body.split(b"\x00", 1)
    source, rest = rest[2:].split(b"\x00", 1)
    destination, rest = rest[2:].split(b"\x00", 1)
    esm_class = rest[0]
    _, rest = rest[3:].split(b"\x00", 1)
    _, rest = rest.split(b"\x00", 1)
    registered, _, coding, _, length = rest[:5]
    data = rest[5 : 5 + length]
    header = data[: data[0] + 1] if esm_class & 0x40 and data else b""
    return SmppMessage(
        message_id, source.decode("latin-1"), destination.decode("latin-1"), coding, header, data[len(header) :],
        bool(registered & 1),
    )  # fmt: skip
