"""Decoding what others encoded, well or badly: never raises, never drops what can be shown."""

from __future__ import annotations

import binascii
import codecs
import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Final

_FOLD: Final = re.compile(r"\r?\n[ \t]*|\r")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def headers(mail: Message, name: str) -> list[str]:
    """The values of every field ``name`` as text, in their order. ``mail.get`` would lose bytes outside ASCII."""
    lower = name.lower()
    return [header_text(value) for key, value in mail.raw_items() if key.lower() == lower]


def header(mail: Message, name: str) -> str:
    """The value of the first field ``name`` as text, ``""`` when there is none."""
    found = headers(mail, name)
    return found[0] if found else ""


def header_text(value: object) -> str:
    """A header's value as text: unfolded, encoded words decoded, raw bytes read as UTF-8 or Latin-1."""
    raw = _FOLD.sub(" ", str_of(value)).strip()
    if "=?" in raw:
        try:
            pieces = decode_header(raw)
        except (HeaderParseError, binascii.Error, ValueError):
            pieces = [(raw, None)]
        raw = "".join(
            decode(piece, charset or "ascii") if isinstance(piece, bytes) else piece for piece, charset in pieces
        )
    return _CONTROL.sub("", _FOLD.sub(" ", raw))


def str_of(value: object) -> str:
    """A header's value with the bytes that were not ASCII read as UTF-8, else as Latin-1."""
    text = str(value)
    if text.isascii():
        return text
    try:
        data = text.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return decode(data, "utf-8")


def decode(data: bytes, charset: str) -> str:
    """``data`` in ``charset``; when that is unknown or wrong, as UTF-8, else as Latin-1, which any bytes are."""
    for name in (charset, "utf-8"):
        try:
            if codecs.lookup(name).name in _TEXT_ONLY:
                return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def part_bytes(part: Message) -> bytes:
    """The decoded content of a leaf; a mail within the mail as its bytes."""
    payload = part.get_payload()
    if isinstance(payload, list):
        try:
            return b"\n".join(child.as_bytes() for child in payload if isinstance(child, Message))
        except (ValueError, LookupError, UnicodeError, RecursionError, TypeError, AttributeError):
            return "\n".join(str(child.get_payload()) for child in payload if isinstance(child, Message)).encode(
                "utf-8", "replace"
            )
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError, UnicodeError, binascii.Error, AssertionError):
        content = None
    if isinstance(content, bytes):
        return content
    return str(payload or "").encode("utf-8", "surrogateescape")


def part_text(part: Message) -> str:
    """The text of a leaf, line ends as ``\\n``, without NUL."""
    try:
        charset = part.get_content_charset("utf-8")
    except (LookupError, ValueError, UnicodeError, TypeError):
        charset = "utf-8"
    return decode(part_bytes(part), charset).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def part_name(part: Message) -> str:
    """The file name of a leaf as text, ``""`` when it has none. Not to be trusted as a file name."""
    try:
        value = part.get_param("filename", None, "content-disposition")
        if value is None:
            value = part.get_param("name", None, "content-type")
        if value is None:
            return ""
        return header_text(collapse_rfc2231_value(value))[:255]
    except (LookupError, ValueError, UnicodeError, TypeError, AttributeError):
        return ""


_NAMES: Final = """
    ascii utf-8 utf-16 utf-16-le utf-16-be utf-32 utf-7 latin-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6
    iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11 iso8859-13 iso8859-14 iso8859-15 iso8859-16 cp437 cp850 cp852
    cp866 cp874 cp932 cp936 cp949 cp950 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 koi8-r koi8-u
    big5 big5hkscs gb2312 gbk gb18030 hz shift_jis shift_jis_2004 euc_jp euc_jis_2004 iso2022_jp iso2022_jp_1
    iso2022_jp_2 iso2022_jp_3 iso2022_kr euc_kr johab mac_roman mac_cyrillic tis-620 ptcp154
"""
_TEXT_ONLY: Final = frozenset(codecs.lookup(name).name for name in _NAMES.split())
"""Codecs of text. Python has others (``rot13``, ``zlib``) that a charset parameter must not reach."""
