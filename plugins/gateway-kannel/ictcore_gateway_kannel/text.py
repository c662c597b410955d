"""What a text becomes on the air: GSM 7 bit or UCS-2, in one part or several.

3GPP TS 23.038 section 6.2.1 (default alphabet and its extension table), TS 23.040 section 9.2.3.24.1 (concatenation).
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import Final, NamedTuple

GSM7: Final = 0
BINARY: Final = 1
UCS2: Final = 2

ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet: the index of a letter is its code. 0x1B is the escape to the extension table."""
EXTENSION: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
"""The extension table: these letters are sent as an escape and a code, two septets."""

SINGLE: Final = {GSM7: 160, UCS2: 70}
"""Units (septets, UTF-16 code units) that fit into a message of one part: 140 octets."""
CONCATENATED: Final = {GSM7: 153, UCS2: 67}
"""Units that fit into each part beside a user data header of 6 octets."""
MOST_PARTS: Final = 255
"""The header counts parts in one octet."""

_LETTERS = re.escape(ALPHABET.replace("\x1b", ""))
_BASIC = re.compile(f"[{_LETTERS}]*")
_GSM = re.compile(f"[{_LETTERS}{re.escape(''.join(EXTENSION))}]*")
_INT = struct.Struct(">i")


class TooLong(ValueError):
    """The text needs more parts than are allowed."""

    def __init__(self, parts: int, allowed: int) -> None:
        super().__init__(f"the text needs {parts} parts; at most {allowed} are allowed")
        self.parts = parts
        self.allowed = allowed


class Encoded(NamedTuple):
    """A text that is ready to be sent.

    :ivar coding: ``GSM7`` or ``UCS2``.
    :ivar parts: the text of each part. Joined, they are the whole text.
    :ivar packed: for each part its data as a string field of the box protocol (UTF-8 for GSM 7 bit, which Kannel turns
        into septets itself; UTF-16 big-endian for UCS-2).
    """

    coding: int
    parts: tuple[str, ...]
    packed: tuple[bytes, ...]


def fits_gsm7(text: str) -> bool:
    """Whether every letter is in the default alphabet or its extension table."""
    return _GSM.fullmatch(text) is not None


def units(text: str, coding: int) -> int:
    """How many septets or UTF-16 code units ``text`` takes."""
    if coding == GSM7:
        return len(text) + sum(map(text.count, EXTENSION))
    return len(text) + sum(letter > "\uffff" for letter in text)


def split(text: str, coding: int) -> tuple[str, ...]:
    """The parts of ``text``; a letter of two units is never cut in half."""
    if units(text, coding) <= SINGLE[coding]:
        return (text,)
    room = CONCATENATED[coding]
    parts: list[str] = []
    start = used = 0
    for at, letter in enumerate(text):
        size = 2 if (letter in EXTENSION if coding == GSM7 else letter > "\uffff") else 1
        if used + size > room:
            parts.append(text[start:at])
            start, used = at, 0
        used += size
    parts.append(text[start:])
    return tuple(parts)


@lru_cache(maxsize=512)
def encode(text: str, most_parts: int = MOST_PARTS) -> Encoded:
    """The coding and the parts of ``text``. Lone surrogates, which are no characters, become U+FFFD.

    :raises TooLong: it needs more than ``most_parts`` parts.
    """
    if len(text) <= SINGLE[GSM7] and _BASIC.fullmatch(text):  # the commonest case, made quick
        data = text.encode()
        return Encoded(GSM7, (text,), (_INT.pack(len(data)) + data,))
    text = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    coding = GSM7 if fits_gsm7(text) else UCS2
    parts = split(text, coding)
    if len(parts) > min(most_parts, MOST_PARTS):
        raise TooLong(len(parts), min(most_parts, MOST_PARTS))
    charset = "utf-8" if coding == GSM7 else "utf-16-be"
    packed = []
    for part in parts:
        data = part.encode(charset)
        packed.append(_INT.pack(len(data)) + data)
    return Encoded(coding, parts, tuple(packed))


def header(reference: int, total: int, number: int) -> bytes:
    """The user data header of one part of a concatenated message.

    :param reference: 0 to 255, the same for all parts; ``number``: from 1.
    """
    return bytes((5, 0, 3, reference & 0xFF, total, number))


class Concatenation(NamedTuple):
    """Where a part belongs."""

    reference: int
    total: int
    number: int


def concatenation(udh: bytes) -> Concatenation | None:
    """What a user data header says about concatenation; ``None``: nothing, or nothing that makes sense.

    Elements 00 (8-bit reference) and 08 (16-bit reference); TS 23.040 sections 9.2.3.24.1 and 9.2.3.24.8.
    """
    if not udh or udh[0] != len(udh) - 1:
        return None
    at = 1
    while at + 2 <= len(udh):
        kind, length = udh[at], udh[at + 1]
        body = udh[at + 2 : at + 2 + length]
        if len(body) != length:
            return None
        found: Concatenation | None = None
        if kind == 0x00 and length == 3:
            found = Concatenation(body[0], body[1], body[2])
        elif kind == 0x08 and length == 4:
            found = Concatenation(body[0] << 8 | body[1], body[2], body[3])
        if found is not None and 1 <= found.number <= found.total:
            return found
        at += 2 + length
    return None


def decode(data: bytes, coding: int, charset: str = "") -> str:
    """The text of an inbound message. Never raises: what cannot be read becomes U+FFFD.

    :param coding: 2: the data is UTF-16 big-endian unless ``charset`` says otherwise; else it is in ``charset``, UTF-8
        when that is empty or unknown. Binary data (1) that is no UTF-8 is read as ISO 8859-1, octet by octet.
    """
    if coding == BINARY:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1")
    usual = "utf-16-be" if coding == UCS2 else "utf-8"
    try:
        return data.decode(charset or usual, "replace")
    except (LookupError, ValueError):
        return data.decode(usual, "replace")
