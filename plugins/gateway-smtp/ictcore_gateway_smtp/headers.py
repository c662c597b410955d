"""Header fields for any Unicode: RFC 5322 folding, RFC 2047 encoded words, RFC 2231 parameters."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

_HOSTILE: Final = re.compile(r"[\r\n\0]")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\U0010ffff]|=\?|\s\s|\A\s|\s\Z")
_SPECIAL: Final = re.compile(r"[^A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}")
_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_UNQUOTABLE: Final = re.compile(r'[^ -~]|["\\]')
_FOLD_AT: Final = 76
_CHUNK: Final = 45
"""Bytes of UTF-8 in one encoded word: 60 characters of base64, 72 with what stands around them (at most 75)."""


class BadHeader(ValueError):
    """It cannot stand in a header field; the message names the field."""


def refuse_breaks(name: str, value: str) -> str:
    """``value`` unchanged.

    :raises BadHeader: it has a CR, LF or NUL: it would begin another header.
    """
    if _HOSTILE.search(value):
        raise BadHeader(f"{name} has a line break or NUL")
    return value


@lru_cache(maxsize=512)
def unstructured(name: str, value: str) -> bytes:
    """The whole field ``name: value`` with its CRLF, encoded and folded where that is needed.

    :raises BadHeader: ``name`` is no field name, or ``value`` has a CR, LF or NUL.
    """
    if not _NAME.fullmatch(name):
        raise BadHeader(f"{name[:40]!r} is not the name of a header")
    refuse_breaks(name, value)
    if not _UNSAFE.search(value):
        if len(name) + 2 + len(value) <= _FOLD_AT:
            return f"{name}: {value}\r\n".encode("ascii")
        words = value.split(" ")
        if max(map(len, words)) < _FOLD_AT - len(name):
            return f"{name}: {_fold(words, len(name) + 2)}\r\n".encode("ascii")
    return f"{name}: {_words(value, len(name) + 2)}\r\n".encode("ascii")


def structured(name: str, value: str) -> bytes:
    """The field ``name: value`` for a value that is syntax (addresses, ids): ASCII only, folded at its spaces.

    :raises BadHeader: ``value`` has another character, or a part that is too long for a line.
    """
    refuse_breaks(name, value)
    if not value.isascii() or not value.isprintable() or not value.strip():
        raise BadHeader(f"{name} may hold printable ASCII only")
    words = value.split(" ")
    if max(map(len, words)) > 900:
        raise BadHeader(f"{name} is too long")
    return f"{name}: {_fold(words, len(name) + 2)}\r\n".encode("ascii")


@lru_cache(maxsize=512)
def mailbox(name: str, address: str) -> str:
    """``Name <address>`` with the name quoted or encoded as needed; ``address`` alone when there is no name.

    :raises BadHeader: the name has a CR, LF or NUL.
    """
    name = refuse_breaks("the sender's name", name).strip()
    if not name:
        return address
    if _UNSAFE.search(name) or len(name) > 60:
        return f"{_words(name, 6)}\r\n <{address}>"
    if _SPECIAL.search(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{address}>"


def parameter(name: str, value: str) -> str:
    """A MIME parameter and what separates it from the one before: quoted, or by RFC 2231 where that is not enough.

    Control characters become ``_``.
    """
    clean = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "_", value)
    if len(clean) <= 60 and not _UNQUOTABLE.search(clean):
        return f';\r\n {name}="{clean}"'
    encoded = quote(clean.encode("utf-8"), safe="")
    if len(encoded) <= 60:
        return f";\r\n {name}*=utf-8''{encoded}"
    parts = []
    while encoded:
        cut = min(55, len(encoded))
        cut -= (encoded[cut - 2 : cut - 1] == "%") * 2 or encoded[cut - 1 : cut] == "%"
        parts.append(encoded[:cut])
        encoded = encoded[cut:]
    parts[0] = f"utf-8''{parts[0]}"
    return "".join(f";\r\n {name}*{number}*={part}" for number, part in enumerate(parts))


def content_type(value: str) -> str:
    """``value`` when it is a plain ``type/subtype`` that may be base64-encoded, else ``application/octet-stream``."""
    kind, slash, subtype = value.partition(";")[0].strip().lower().partition("/")
    if slash and _TOKEN.fullmatch(kind) and _TOKEN.fullmatch(subtype) and kind not in ("multipart", "message"):
        return f"{kind}/{subtype}"
    return "application/octet-stream"


def _fold(words: list[str], column: int) -> str:
    """``words`` joined by spaces, with a line end before each that would pass the margin."""
    folded = [words[0]]
    column += len(words[0])
    for word in words[1:]:
        if column + 1 + len(word) > _FOLD_AT and word:
            folded.append("\r\n " + word)
            column = 1 + len(word)
        else:
            folded.append(" " + word)
            column += 1 + len(word)
    return "".join(folded)


def _words(text: str, column: int) -> str:
    """``text`` as encoded words, none of which ends within a character; the first begins at ``column``."""
    data = text.encode("utf-8", "replace")
    words = []
    start = 0
    while start < len(data):
        room = max(9, (_FOLD_AT - 12 - column) // 4 * 3) if start == 0 else _CHUNK
        end = min(start + room, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{base64.b64encode(data[start:end]).decode('ascii')}?=")
        start = end
    return "\r\n ".join(words)
