"""Files in requests: their bytes, and their names."""

from __future__ import annotations

import re
from urllib.parse import unquote

import falcon

from ictcore.api.call import Call
from ictcore.domain.errors import InvalidInput

_EXTENDED = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r'filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_BARE = re.compile(r"filename\s*=\s*([^;\"\s]+)", re.IGNORECASE)


def read(request: falcon.Request, largest: int) -> bytes:
    """The raw body.

    :param largest: bytes.
    :raises InvalidInput: it is larger; the field is ``body``.
    """
    too_large = InvalidInput(fields={"body": f"must not be larger than {largest} bytes"})
    if (request.content_length or 0) > largest:
        raise too_large
    content: bytes = request.bounded_stream.read(largest + 1)
    if len(content) > largest:
        raise too_large
    return content


def named(call: Call) -> str | None:
    """The file's name: the query parameter ``name``, else that of Content-Disposition (RFC 6266), else ``None``."""
    name = call.query("name")
    return name if name is not None else disposition_name(call.request.get_header("Content-Disposition") or "")


def disposition_name(header: str) -> str | None:
    """The file name in a Content-Disposition header; the extended form (RFC 8187) wins."""
    if match := _EXTENDED.search(header):
        return unquote(match[1], errors="replace")
    if match := _QUOTED.search(header):
        return _utf8(re.sub(r"\\(.)", r"\1", match[1]))
    match = _BARE.search(header)
    return _utf8(match[1]) if match else None


def _utf8(text: str) -> str:
    """Headers reach us as Latin-1 (PEP 3333); most clients write UTF-8 into them."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
