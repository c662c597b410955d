"""Kannel's box protocol as bytes: pack and parse, no I/O.

A frame is a 4-byte big-endian length of what follows, a 4-byte type, then the fields of that type in a fixed order. An
integer is 4 bytes, signed; -1 means "not set". A string is a 4-byte length and that many bytes; length -1 means "not
set". Learnt by watching Kannel 1.4.5 (bearerbox and smsbox).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEARTBEAT: Final = 0
ADMIN: Final = 1
SMS: Final = 2
ACK: Final = 3

SHUTDOWN: Final = 0
SUSPEND: Final = 1
RESUME: Final = 2
IDENTIFY: Final = 3
RESTART: Final = 4

MO: Final = 0
"""A message from a phone."""
MT_REPLY: Final = 1
MT_PUSH: Final = 2
"""A message to a phone that nobody asked for by SMS."""
REPORT_MO: Final = 3
"""A delivery report, on its way to a box."""
REPORT_MT: Final = 4

ACK_SUCCESS: Final = 0
ACK_FAILED: Final = 1
ACK_FAILED_TEMPORARILY: Final = 2
ACK_BUFFERED: Final = 3

MAX_FRAME: Final = 1 << 20
"""A length above this is no frame: the far side does not speak the protocol."""

UNSET: Final = b"\xff\xff\xff\xff"
"""A string or an integer that is not set."""
ACK_SIZE: Final = 56
"""Bytes of an ack frame: its id is always 36 characters."""

_INT = struct.Struct(">i")
_HEAD = struct.Struct(">ii")
_ACK_HEAD = struct.Struct(">iiiii")
_REPORT_INTS = struct.Struct(">iiiiiiii")


class FrameError(ValueError):
    """The bytes are no frame of the box protocol."""


class Ack(NamedTuple):
    """An acknowledgement. ``nack``: 0 success, 1 failed, 2 failed temporarily, 3 buffered. ``id``: 36 bytes."""

    nack: int
    id: bytes


class Admin(NamedTuple):
    """A command. ``boxc_id``: the name of a box, or ``None``."""

    command: int
    boxc_id: bytes | None


class Heartbeat(NamedTuple):
    """A sign of life. ``load``: messages waiting in the box."""

    load: int


class Sms(NamedTuple):
    """A message or a report; only the fields that a box needs. Strings that are not set are ``b""``.

    :ivar time: epoch seconds, -1 when not set.
    :ivar kind: ``MO``, ``MT_PUSH``, ``REPORT_MO`` …
    :ivar coding: 0 GSM 7 bit (the data is UTF-8), 1 binary, 2 UCS-2 (the data is UTF-16, big-endian), -1 not set.
    """

    sender: bytes
    receiver: bytes
    udh: bytes
    data: bytes
    time: int
    smsc: bytes
    foreign_id: bytes
    id: bytes
    kind: int
    coding: int
    dlr_mask: int
    dlr_url: bytes
    charset: bytes


Frame = Ack | Admin | Heartbeat | Sms


def text(value: bytes) -> bytes:
    """``value`` as a string field."""
    return _INT.pack(len(value)) + value


def number(value: int) -> bytes:
    """``value`` as an integer field."""
    return _INT.pack(value)


def admin(command: int, name: bytes | None = None) -> bytes:
    """An admin frame, such as the identification that a box sends first."""
    body = _INT.pack(command) + (UNSET if name is None else text(name))
    return _HEAD.pack(4 + len(body), ADMIN) + body


def heartbeat(load: int) -> bytes:
    """A heartbeat frame."""
    return struct.pack(">iii", 8, HEARTBEAT, load)


_ACK_PREFIX = {nack: _ACK_HEAD.pack(ACK_SIZE - 4, ACK, nack, -1, 36) for nack in range(4)}


def ack(message_id: bytes, nack: int = ACK_SUCCESS) -> bytes:
    """The acknowledgement of the message ``message_id`` (36 bytes)."""
    return _ACK_PREFIX[nack] + message_id


def sms(message: Sms, *, boxc_id: bytes = b"") -> bytes:
    """A whole sms frame, every field written anew. For tests and scripted servers; sending uses :class:`Stencil`."""

    def string(value: bytes) -> bytes:
        return text(value) if value else UNSET

    body = b"".join(
        (
            string(message.sender), string(message.receiver), string(message.udh), string(message.data),
            number(message.time), string(message.smsc), UNSET, string(message.foreign_id), UNSET, UNSET,
            text(message.id), number(message.kind), UNSET, UNSET, number(message.coding), UNSET, UNSET, UNSET,
            number(message.dlr_mask), string(message.dlr_url), UNSET, UNSET, UNSET, string(message.charset),
            string(boxc_id), UNSET, UNSET, UNSET, UNSET, UNSET, UNSET,
        )
    )  # fmt: skip
    return _HEAD.pack(4 + len(body), SMS) + body


class Stencil:
    """Everything of an outgoing message that is the same for all messages of one link, packed once.

    :param smsc: the link to route by, ``b""`` for any.
    :param boxc_id: our name as a box: reports come back to it.
    :param account: written into Kannel's access log.
    """

    __slots__ = ("_middle", "_tail")

    def __init__(self, *, smsc: bytes, boxc_id: bytes, account: bytes = b"") -> None:
        route = text(smsc) if smsc else UNSET
        self._middle = route + UNSET * 3 + (text(account) if account else UNSET) + b"\x00\x00\x00\x24"
        self._tail = UNSET * 4 + text(boxc_id) + UNSET * 6

    def pack(self, sender: bytes, receiver: bytes, part: bytes, time: bytes, wire_id: bytes, kind: bytes) -> bytes:
        """One sms frame.

        :param sender: packed string; ``receiver``: packed string; ``part``: packed user data header and data.
        :param time: packed integer; ``wire_id``: 36 bytes; ``kind``: what :func:`options` packed.
        """
        body = b"".join((sender, receiver, part, time, self._middle, wire_id, kind, self._tail))
        return _HEAD.pack(4 + len(body), SMS) + body


_OPTIONS = struct.Struct(">iiiiiiii")


def options(*, coding: int, mclass: int = -1, validity: int = -1, dlr_mask: int = 0, dlr_url: bytes = b"") -> bytes:
    """The fields from ``sms_type`` to ``dlr_url``. ``validity``: epoch seconds, -1 for the link's own default."""
    fixed = _OPTIONS.pack(MT_PUSH, mclass, -1, coding, -1, validity, -1, dlr_mask)
    return fixed + (_INT.pack(len(dlr_url)) + dlr_url if dlr_url else UNSET)


class Parser:
    """Turns bytes into frames, however the network has cut them. Unknown frame types are counted and skipped."""

    __slots__ = ("_rest", "unknown")

    def __init__(self) -> None:
        self._rest = b""
        self.unknown = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes, in order.

        :raises FrameError: this is not the box protocol; nothing more can be read from this connection.
        """
        if self._rest:
            data = self._rest + data
        frames: list[Frame] = []
        at, end = 0, len(data)
        unpack = _HEAD.unpack_from
        while end - at >= 8:
            length, kind = unpack(data, at)
            if length < 4 or length > MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes")
            stop = at + 4 + length
            if stop > end:
                break
            if kind == ACK and length == ACK_SIZE - 4:
                frames.append(Ack(_INT.unpack_from(data, at + 8)[0], data[at + 20 : stop]))
            else:
                frame = self._parse(kind, data, at + 8, stop)
                if frame is not None:
                    frames.append(frame)
            at = stop
        if 4 <= end - at < 8:
            (length,) = _INT.unpack_from(data, at)
            if length < 4 or length > MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes")
        self._rest = data[at:]
        return frames

    def _parse(self, kind: int, data: bytes, at: int, stop: int) -> Frame | None:
        try:
            if kind == SMS:
                return _parse_sms(data, at, stop)
            if kind == ADMIN:
                (command,) = _INT.unpack_from(data, at)
                name, _ = _string(data, at + 4, stop)
                return Admin(command, name or None)
            if kind == HEARTBEAT and stop - at == 4:
                return Heartbeat(_INT.unpack_from(data, at)[0])
            if kind == ACK:
                (nack,) = _INT.unpack_from(data, at)
                name, _ = _string(data, at + 8, stop)
                return Ack(nack, name)
        except struct.error as error:
            raise FrameError(f"a frame of type {kind} is too short") from error
        self.unknown += 1
        return None


def _string(data: bytes, at: int, stop: int) -> tuple[bytes, int]:
    (length,) = _INT.unpack_from(data, at)
    at += 4
    if at > stop:
        raise FrameError("a field runs past its frame")
    if length < 0:
        if length != -1:
            raise FrameError(f"a string of {length} bytes")
        return b"", at
    end = at + length
    if end > stop:
        raise FrameError("a string runs past its frame")
    return data[at:end], end


def _parse_sms(data: bytes, at: int, stop: int) -> Sms:
    sender, at = _string(data, at, stop)
    receiver, at = _string(data, at, stop)
    udh, at = _string(data, at, stop)
    body, at = _string(data, at, stop)
    (time,) = _INT.unpack_from(data, at)
    smsc, at = _string(data, at + 4, stop)
    _, at = _string(data, at, stop)
    foreign_id, at = _string(data, at, stop)
    _, at = _string(data, at, stop)
    _, at = _string(data, at, stop)
    message_id, at = _string(data, at, stop)
    kind, _, _, coding, _, _, _, dlr_mask = _REPORT_INTS.unpack_from(data, at)
    dlr_url, at = _string(data, at + 32, stop)
    charset = b""
    if kind != REPORT_MO:
        charset, at = _string(data, at + 12, stop)
    if at > stop:
        raise FrameError("a field runs past its frame")
    return Sms(
        sender, receiver, udh, body, time, smsc, foreign_id, message_id, kind, coding, dlr_mask, dlr_url, charset
    )
