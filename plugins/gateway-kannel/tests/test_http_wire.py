"""The HTTP parsers: byte lengths, any cut, limits, nonsense."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_kannel.wire.http import (
    HttpError,
    Request,
    RequestParser,
    Response,
    ResponseParser,
    read_query,
    response,
)

ANSWER = (
    b"HTTP/1.1 202 Accepted\r\nServer: Kannel/1.4.5\r\nDate: Sun, 22 Nov 2026 09:22:43 GMT\r\nContent-Length: 24\r\n"
    b"Connection: Keep-Alive\r\nContent-Type: text/html\r\n\r\n0: Accepted for delivery"
)
REQUEST = b"GET /T/mo?from=%2B1&text=Gr%C3%BC%C3%9Fe+%26 HTTP/1.1\r\nHost: x\r\nUser-Agent: Kannel/1.4.5\r\n\r\n"


def test_an_answer_of_smsbox() -> None:
    assert ResponseParser().feed(ANSWER) == Response(202, b"0: Accepted for delivery", True)


@given(st.lists(st.integers(0, len(ANSWER)), max_size=5))
def test_an_answer_in_any_cut(cuts: list[int]) -> None:
    parser, found, start = ResponseParser(), [], 0
    for cut in [*sorted(cuts), len(ANSWER)]:
        found.append(parser.feed(ANSWER[start:cut]))
        start = cut
    assert [each for each in found if each] == [Response(202, b"0: Accepted for delivery", True)]


def test_requests_one_byte_at_a_time() -> None:
    parser = RequestParser()
    found = [request for octet in REQUEST * 2 for request in parser.feed(bytes((octet,)))]
    wanted = Request("GET", "/T/mo", {"from": b"+1", "text": "Grüße &".encode()}, b"", True)
    assert found == [wanted, wanted]
    assert RequestParser().feed(REQUEST * 2) == [wanted, wanted]


def test_lengths_are_bytes_not_characters() -> None:
    body = "ééééé".encode()
    head = f"POST / HTTP/1.1\r\ncontent-LENGTH: {len(body)}\r\n\r\n".encode()
    first, second = RequestParser().feed(head + body + REQUEST)
    assert first.body == body
    assert second.method == "GET"


@pytest.mark.parametrize(
    ("version", "header", "keep"),
    [(b"1.1", b"", True), (b"1.0", b"", False), (b"1.1", b"Connection: close\r\n", False),
     (b"1.0", b"connection: Keep-Alive\r\n", True)],
)  # fmt: skip
def test_keeping_the_connection(version: bytes, header: bytes, keep: bool) -> None:
    answer = ResponseParser().feed(b"HTTP/" + version + b" 202 Accepted\r\n" + header + b"Content-Length: 0\r\n\r\n")
    assert answer is not None
    assert answer.keep is keep


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x00\x00\x00\x34", id="another protocol"),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="another version"),
        pytest.param(b"HTTP/1.1 2000 Odd\r\n\r\n", id="odd status"),
        pytest.param(b"HTTP/1.1\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", id="too long"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", id="no colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", id="folded line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", id="two answers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, id="endless head"),
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(HttpError):
        ResponseParser().feed(data)


@pytest.mark.parametrize(
    "data", [b"GET\r\n\r\n", b"GET x HTTP/1.1\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"\r\n\r\n"]
)
def test_what_is_no_request(data: bytes) -> None:
    with pytest.raises(HttpError):
        RequestParser().feed(data)


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([ANSWER, REQUEST, b"\r\n", b"\r\n\r\n", b":", b" "])).map(b"".join)
)
def test_nonsense_ends_in_messages_or_an_error(data: bytes) -> None:
    for parser in (RequestParser(), ResponseParser()):
        with contextlib.suppress(HttpError):
            parser.feed(data)


@given(st.text(max_size=100))
def test_any_query_can_be_read(query: str) -> None:
    read_query(query.encode("ascii", "ignore").decode())


def test_an_answer_of_ours() -> None:
    assert ResponseParser().feed(response(200, "Grüße")) == Response(200, "Grüße".encode(), True)
    assert ResponseParser().feed(response(400, "no", keep=False)) == Response(400, b"no", False)
