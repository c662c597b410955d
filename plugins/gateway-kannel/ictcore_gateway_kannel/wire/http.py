"""HTTP/1.1 as bytes (RFC 9112), as much of it as Kannel and we speak: messages with Content-Length. No I/O."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

MOST_HEAD: Final = 1 << 16
MOST_BODY: Final = 1 << 20


class HttpError(ValueError):
    """The bytes are no HTTP, or a kind of it that is not spoken here."""


class Response(NamedTuple):
    """An answer. ``keep``: whether the connection stays open after it."""

    status: int
    body: bytes
    keep: bool


class Request(NamedTuple):
    """A request. ``path`` is not decoded; ``query``: name -> bytes, the last one of a name wins."""

    method: str
    path: str
    query: dict[str, bytes]
    body: bytes
    keep: bool


class _Parser:
    """Cuts a stream into messages: a head, an empty line, and as many bytes of body as the head says."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def waiting(self) -> bool:
        """Whether a message has begun and is not complete."""
        return bool(self._buffer)

    def _cut(self) -> tuple[list[bytes], bytes] | None:
        buffer = self._buffer
        at = buffer.find(b"\r\n\r\n")
        if at < 0:
            if len(buffer) > MOST_HEAD:
                raise HttpError("a head of more than 64 kB")
            return None
        if at > MOST_HEAD:
            raise HttpError("a head of more than 64 kB")
        lines = buffer[:at].split(b"\r\n")
        length = _length(lines)
        stop = at + 4 + length
        if len(buffer) < stop:
            return None
        self._buffer = buffer[stop:]
        return lines, buffer[at + 4 : stop]


def _length(lines: list[bytes]) -> int:
    length = 0
    seen = False
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise HttpError("a header line without a name")
        lower = name.lower()
        if lower == b"content-length":
            value = value.strip()
            if seen or not value.isdigit() or len(value) > 9:
                raise HttpError("a content length that is no number")
            length, seen = int(value), True
            if length > MOST_BODY:
                raise HttpError("a body of more than 1 MB")
        elif lower == b"transfer-encoding":
            raise HttpError("a transfer encoding")
    return length


def _keeps(lines: list[bytes], version: bytes) -> bool:
    keep = version == b"HTTP/1.1"
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"connection":
            words = value.lower()
            if b"close" in words:
                return False
            if b"keep-alive" in words:
                keep = True
    return keep


class ResponseParser(_Parser):
    """Answers, from bytes in any cut."""

    __slots__ = ()

    def feed(self, data: bytes) -> Response | None:
        """The next answer, or ``None``. At most one request is under way, so more bytes than one answer are an error.

        :raises HttpError: this is no HTTP; the connection is of no use any more.
        """
        self._buffer += data
        if not b"HTTP/1.".startswith(self._buffer[:7]):
            raise HttpError("no HTTP answer")
        cut = self._cut()
        if cut is None:
            return None
        lines, body = cut
        words = lines[0].split(b" ", 2)
        if len(words) < 2 or words[0] not in (b"HTTP/1.1", b"HTTP/1.0") or len(words[1]) != 3 or not words[1].isdigit():
            raise HttpError("no status line")
        if self._buffer:
            raise HttpError("more than one answer to one request")
        return Response(int(words[1]), body, _keeps(lines, words[0]))


class RequestParser(_Parser):
    """Requests, from bytes in any cut."""

    __slots__ = ()

    def feed(self, data: bytes) -> list[Request]:
        """The requests that ``data`` completes, in order.

        :raises HttpError: this is no HTTP; answer 400 and close.
        """
        self._buffer += data
        found: list[Request] = []
        while self._buffer:
            cut = self._cut()
            if cut is None:
                break
            found.append(_request(*cut))
        return found


def _request(lines: list[bytes], body: bytes) -> Request:
    words = lines[0].split(b" ")
    if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not words[1].startswith(b"/"):
        raise HttpError("no request line")
    try:
        method, target = words[0].decode("ascii"), words[1].decode("ascii")
    except UnicodeDecodeError:
        raise HttpError("a request line that is not ASCII") from None
    path, _, query = target.partition("?")
    return Request(method, path, read_query(query), body, _keeps(lines, words[2]))


def read_query(query: str) -> dict[str, bytes]:
    """The fields of a query, decoded to bytes: what they mean, another field may say."""
    fields: dict[str, bytes] = {}
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            key = unquote_to_bytes(name.replace("+", " ")).decode("utf-8", "replace")
            fields[key] = unquote_to_bytes(value.replace("+", " "))
    return fields


_REASONS: Final = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
                   413: "Content Too Large", 503: "Service Unavailable"}  # fmt: skip


def response(status: int, body: str = "", *, keep: bool = True) -> bytes:
    """An answer as bytes. ``body``: plain text."""
    data = body.encode()
    return (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(data)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode("ascii") + data
