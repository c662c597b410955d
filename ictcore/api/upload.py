"""Reading a request body of any size piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import falcon

from ictcore.domain.errors import InvalidInput

PIECE = 256 * 1024


def pieces(request: falcon.Request) -> Iterator[bytes]:
    """The body of ``request``, by Content-Length or chunked (RFC 9112, section 7.1).

    :raises InvalidInput: the client stopped before the end: what came is not the whole.
    """
    length = request.content_length
    chunked = "chunked" in (request.get_header("Transfer-Encoding") or "").lower()
    if length is None and not (chunked and request.env.get("wsgi.input_terminated")):
        if chunked:
            raise InvalidInput(fields={"body": "must be sent with Content-Length: this server reads no chunks"})
        return
    stream = request.stream if length is None else request.bounded_stream
    read = 0
    while True:
        try:
            piece: bytes = stream.read(PIECE)
        except (OSError, EOFError) as error:
            raise InvalidInput(fields={"body": f"ended before its end: {type(error).__name__}"}) from error
        if not piece:
            break
        read += len(piece)
        yield piece
    if length is not None and read < length:
        raise InvalidInput(fields={"body": f"ended after {read} of {length} bytes"})


def check_media(request: falcon.Request, accepted: tuple[str, ...]) -> None:
    """Check the body's media type; a missing one is understood.

    :raises InvalidInput: it is none of ``accepted``.
    """
    kind = (request.content_type or accepted[0]).partition(";")[0].strip().lower()
    if kind not in accepted:
        raise InvalidInput(fields={"Content-Type": f"must be {' or '.join(accepted)}"})
