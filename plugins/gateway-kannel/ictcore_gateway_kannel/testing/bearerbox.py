"""A scripted bearerbox for tests of the box protocol: it answers, refuses, drops, stalls, repeats, talks nonsense."""

from __future__ import annotations

import contextlib
import socket
import time
import uuid
from typing import ClassVar, Final

from ictcore.testing.far_side import Sent
from ictcore_gateway_kannel.testing.scripted import ScriptedFarSide
from ictcore_gateway_kannel.text import UCS2, Concatenation, concatenation, decode
from ictcore_gateway_kannel.wire import frames
from ictcore_gateway_kannel.wire.frames import Ack, Admin, Heartbeat, Parser, Sms

_BITS: Final = {"delivered": 1, "failed": 2, "progress": 4, "relayed": 8, "rejected": 16}
_WORDS: Final = {"failed": b"id:7 sub:001 dlvrd:000 stat:EXPIRED err:001 text:", "rejected": b"NACK/0x0000000b/Invalid"}


class Handed:
    """An inbound message on its way to the gateway."""

    def __init__(self) -> None:
        self.nacks: list[int] = []

    @property
    def acknowledged(self) -> bool:
        """Whether the gateway took it."""
        return frames.ACK_SUCCESS in self.nacks

    @property
    def refused(self) -> bool:
        """Whether the gateway refused it."""
        return bool(self.nacks) and not self.acknowledged


class FakeBearerbox(ScriptedFarSide):
    """See :class:`ictcore.testing.far_side.FarSide`.

    :ivar box_name: the name by which the last box has called itself.
    """

    controls: ClassVar[frozenset[str]] = frozenset(
        {"absent", "drop", "stall", "nonsense", "slam", "reject", "throttle", "report", "unknown", "inbound"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.box_name = b""
        self.heartbeats = 0
        self.cut = 0
        self.unmatched_acks: list[bytes] = []
        self.acks: list[Ack] = []
        self.messages: list[Sms] = []
        self._parts: dict[tuple[bytes, int, int], dict[int, Sms]] = {}
        self._handed: dict[bytes, Handed] = {}

    def _talk(self, sock: socket.socket) -> None:
        parser = Parser()
        while data := sock.recv(65536):
            for frame in parser.feed(data):
                if not self._frame(sock, frame):
                    return

    def _frame(self, sock: socket.socket, frame: object) -> bool:
        """Returns whether the connection goes on."""
        if isinstance(frame, Admin) and frame.command == frames.IDENTIFY:
            self.box_name = frame.boxc_id or b""
        elif isinstance(frame, Heartbeat):
            self.heartbeats += 1
        elif isinstance(frame, Ack):
            self._acknowledged(frame)
        elif isinstance(frame, Sms):
            mode = self.mode
            if mode not in ("reject", "throttle"):
                self._keep(frame)
            return self._answer(sock, frame, mode)
        return True

    def _answer(self, sock: socket.socket, frame: Sms, mode: str) -> bool:
        if mode == "accept":
            data = frames.ack(frame.id)
            if self.cut:
                for start in range(0, len(data), self.cut):
                    sock.sendall(data[start : start + self.cut])
            else:
                sock.sendall(data)
        elif mode == "reject":
            sock.sendall(frames.ack(frame.id, frames.ACK_FAILED))
        elif mode == "throttle":
            sock.sendall(frames.ack(frame.id, frames.ACK_FAILED_TEMPORARILY))
        elif mode == "nonsense":
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        elif mode == "drop":
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return False
        elif mode == "half":
            sock.sendall(frames.ack(frame.id)[:20])
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return False
        return True  # stall: nothing

    def _keep(self, frame: Sms) -> None:
        place = concatenation(frame.udh)
        with self._lock:
            self.messages.append(frame)
            if place is None:
                self._sent.append(_sent(frame, decode(frame.data, frame.coding)))
                return
            key = (frame.receiver, place.reference, place.total)
            parts = self._parts.setdefault(key, {})
            parts[place.number] = frame
            if len(parts) == place.total:
                data = b"".join(parts[number].data for number in sorted(parts))
                self._sent.append(_sent(frame, decode(data, frame.coding)))
                del self._parts[key]

    def _acknowledged(self, frame: Ack) -> None:
        with self._lock:
            self.acks.append(frame)
            handed = self._handed.get(frame.id)
        if handed is None:
            self.unmatched_acks.append(frame.id)
        else:
            handed.nacks.append(frame.nack)

    # What a test says

    def write(self, data: bytes, *, cut: int = 0) -> None:
        """Send bytes to the box that is connected; waits for one.

        :param cut: in pieces of so many bytes; 0: at once.
        """
        deadline = time.monotonic() + 10.0
        while True:
            with self._lock:
                sock = next(reversed(self._sockets), None)
            if sock is not None and self.box_name:
                break
            if time.monotonic() > deadline:
                raise AssertionError("no box is connected")
            time.sleep(0.005)
        for start in range(0, len(data), cut or len(data)):
            sock.sendall(data[start : start + (cut or len(data))])

    def command(self, command: int) -> None:
        """Send an admin command to the box."""
        self.write(frames.admin(command))

    def report(self, attempt_id: str, outcome: str, *, again: bool = False) -> None:
        with self._lock:
            tags = [each.dlr_url for each in self.messages if each.dlr_url.startswith(attempt_id.encode())]
        for tag in tags or [attempt_id.encode()]:
            self.report_tag(tag, outcome)

    def report_tag(self, tag: bytes, outcome: str, *, text: bytes | None = None, cut: int = 0) -> Handed:
        """Send the report of one part."""
        message = _message(
            data=_WORDS.get(outcome, b"") if text is None else text,
            kind=frames.REPORT_MO, dlr_mask=_BITS[outcome], dlr_url=tag,
        )  # fmt: skip
        return self._hand(message, cut)

    def unknown_event(self) -> None:
        self.write((8).to_bytes(4, "big") + (99).to_bytes(4, "big") + b"what")

    def inbound(self, text: str, *, called: str, caller: str, key: str) -> Handed:
        return self.inbound_part(text.encode("utf-16-be"), called=called, caller=caller, key=key, coding=UCS2)

    def inbound_part(
        self, data: bytes, *, called: str, caller: str, key: str, coding: int, place: Concatenation | None = None
    ) -> Handed:
        """Hand one message, or one part of a long one, to the box."""
        udh = bytes((5, 0, 3, place.reference, place.total, place.number)) if place else b""
        return self._hand(_message(caller, called, data, udh, coding=coding, message_id=key))

    def _hand(self, message: Sms, cut: int = 0) -> Handed:
        handed = Handed()
        with self._lock:
            self._handed[message.id] = handed
        self.write(frames.sms(message, boxc_id=self.box_name), cut=cut)
        return handed


def _message(
    caller: str = "1", called: str = "2", data: bytes = b"", udh: bytes = b"", *, coding: int = 0, message_id: str = "",
    kind: int = frames.MO, dlr_mask: int = -1, dlr_url: bytes = b"",
) -> Sms:  # fmt: skip
    return Sms(
        caller.encode(), called.encode(), udh, data, int(time.time()), b"fake", b"",
        (message_id or str(uuid.uuid4())).encode(), kind, coding, dlr_mask, dlr_url, b"",
    )  # fmt: skip


def _sent(frame: Sms, text: str) -> Sent:
    return Sent(destination=frame.receiver.decode(), source=frame.sender.decode(), text=text)
