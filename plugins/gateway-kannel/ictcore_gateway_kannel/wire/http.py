"""HTTP/1.1 as bytes (RFC 9112), as much of it as Kannel and we speak: messages with Content-Length. No I/O."""

from __future__ import annotations

from functools import lru_cache
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

    def _cut(self) -> tuple[bytes, _Headers, bytes] | None:
        """The first line, the headers and the body of the next message; ``None``: it is not complete."""
        buffer = self._buffer
        at = buffer.find(b"\r\n\r\n")
        if at > MOST_HEAD or (at < 0 and len(buffer) > MOST_HEAD):
            raise HttpError("a head of more than 64 kB")
        if at < 0:
            return None
        first, _, rest = buffer[:at].partition(b"\r\n")
        headers = _read_headers(rest)
        stop = at + 4 + headers.length
        if len(buffer) < stop:
            return None
        self._buffer = buffer[stop:]
        return first, headers, buffer[at + 4 : stop]


class _Headers(NamedTuple):
    """What matters of the header lines. ``keep``: ``None`` when they do not say."""

    length: int
    keep: bool | None


@lru_cache(maxsize=64)  # the far side sends the same lines again and again, but for its clock
def _read_headers(rest: bytes) -> _Headers:
    length: int | None = None
    keep: bool | None = None
    for line in rest.split(b"\r\n") if rest else ():
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise HttpError("a header line without a name")
        lower = name.lower()
        if lower == b"content-length":
            value = value.strip()
            if length is not None or not value.isdigit() or len(value) > 9:
                raise HttpError("a content length that is no number")
            length = int(value)
            if length > MOST_BODY:
                raise HttpError("a body of more than 1 MB")
        elif lower == b"transfer-encoding":
            raise HttpError("a transfer encoding")
        elif lower == b"connection":
            words = value.lower()
            if b"close" in words:
                keep = False
            elif b"keep-alive" in words and keep is None:
                keep = True
    return _Headers(length or 0, keep)


def _keeps(headers: _Headers, version: bytes) -> bool:
    return version == b"HTTP/1.1" if headers.keep is None else headers.keep


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
        first, headers, body = cut
        words = first.split(b" ", 2)
        if len(words) < 2 or words[0] not in (b"HTTP/1.1", b"HTTP/1.0") or len(words[1]) != 3 or not words[1].isdigit():
            raise HttpError("no status line")
        if self._buffer:
            raise HttpError("more than one answer to one request")
        return Response(int(words[1]), body, _keeps(headers, words[0]))


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


def _request(first: bytes, headers: _Headers, body: bytes) -> Request:
    words = first.split(b" ")
    if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not words[1].startswith(b"/"):
        raise HttpError("no request line")
    try:
        method, target = words[0].decode("ascii"), words[1].decode("ascii")
    except UnicodeDecodeError:
        raise HttpError("a request line that is not ASCII") from None
    path, _, query = target.partition("?")
    return Request(method, path, read_query(query), body, _keeps(headers, words[2]))


def read_query(query: str) -> dict[str, bytes]:
    """The fields of a query, decoded to bytes: what they mean, another field may say."""
    fields: dict[str, bytes] = {}
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            fields[_unquote(name).decode("utf-8", "replace")] = _unquote(value)
    return fields


def _unquote(text: str) -> bytes:
    if "%" in text or "+" in text:
        return unquote_to_bytes(text.replace("+", " "))
    return text.encode()


_REASONS: Final = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
                   413: "Content Too Large", 503: "Service Unavailable"}  # fmt: skip


@lru_cache(maxsize=64)
def response(status: int, body: str = "", *, keep: bool = True) -> bytes:
    """An answer as bytes. ``body``: plain text."""
    data = body.encode()
    return (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(data)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode("ascii") + data
