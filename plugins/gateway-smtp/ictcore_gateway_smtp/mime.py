"""The body of a message: text, HTML alternative, attachments (RFC 2045, RFC 2046). Always safe for 7-bit transport.

8BITMIME is not used for what we write: a message that is 7 bit from the start is never converted on its way, so that
a signature put on it by our mail server stays valid, and every server can take it.
"""

from __future__ import annotations

import binascii
import re
import secrets
from collections.abc import Sequence
from typing import Final

from ictcore_gateway_smtp.headers import content_type, parameter

_LONGEST_LINE: Final = 900
"""Bytes. RFC 5322 allows 998 without the CRLF; the rest is for what others add."""
_UNSAFE: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_ASCII: Final = bytes(range(128, 256))


def text_part(subtype: str, text: str) -> bytes:
    """A text part with its header: ``7bit`` where that is possible, else the shorter of the other two."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    if not data.endswith(b"\n"):
        data += b"\n"
    if data.isascii() and not _UNSAFE.search(data) and _longest(data) < _LONGEST_LINE:
        encoding, body = b"7bit", data.replace(b"\n", b"\r\n")
    elif 3 * (len(data) - len(data.translate(None, _NOT_ASCII))) > len(data):
        encoding, body = b"base64", base64_lines(data.replace(b"\n", b"\r\n"))
    else:
        encoding, body = b"quoted-printable", _quoted_printable(data)
    kind = subtype.encode("ascii")
    return (
        b"Content-Type: text/"
        + kind
        + b"; charset=utf-8\r\nContent-Transfer-Encoding: "
        + encoding
        + b"\r\n\r\n"
        + body
    )


def file_head(name: str, kind: str) -> bytes:
    """The header of an attachment, with the empty line that ends it. Its content is :func:`base64_lines`."""
    kind = content_type(kind)
    shown = name or "attachment"
    return (
        f"Content-Type: {kind}\r\n"
        f"Content-Disposition: attachment{parameter('filename', shown)}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode("ascii")


def base64_lines(data: bytes) -> bytes:
    """``data`` in base64, 76 characters a line, each with CRLF."""
    encoded = binascii.b2a_base64(data, newline=False)
    lines = [encoded[start : start + 76] for start in range(0, len(encoded), 76)]
    lines.append(b"")
    return b"\r\n".join(lines)


def multipart(subtype: str, parts: Sequence[bytes]) -> bytes:
    """Parts, each with its own header, in one ``multipart/subtype``.

    The boundary is random and has ``=_``, which neither base64 nor quoted-printable can contain.
    """
    boundary = f"=_{secrets.token_hex(12)}"
    separator = f"--{boundary}\r\n".encode("ascii")
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode("ascii")
    pieces = [head]
    for part in parts:
        pieces += (separator, part, b"" if part.endswith(b"\r\n") else b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode("ascii"))
    return b"".join(pieces)


def _longest(data: bytes) -> int:
    return len(data) - 1 if len(data) <= _LONGEST_LINE else max(map(len, data.split(b"\n")))


def _quoted_printable(data: bytes) -> bytes:
    return binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n")
