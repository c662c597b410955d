"""The parser of SMTP replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_smtp.wire.replies import LONGEST_LINE, MOST_LINES, BadReply, Reply, ReplyParser

GOOD = {
    "one line": (b"250 ok\r\n", [Reply(250, ("ok",))]),
    "without text": (b"250\r\n", [Reply(250, ("",))]),
    "with a space and no text": (b"250 \r\n", [Reply(250, ("",))]),
    "several lines": (b"250-a\r\n250-b c\r\n250 d\r\n", [Reply(250, ("a", "b c", "d"))]),
    "several replies": (b"250 a\r\n354 b\r\n", [Reply(250, ("a",)), Reply(354, ("b",))]),
    "line feeds only": (b"250-a\n250 b\n", [Reply(250, ("a", "b"))]),
    "bytes that are no UTF-8": (b"550 \xff\xfe\r\n", [Reply(550, ("\ufffd\ufffd",))]),
    "UTF-8": ("550 Größe\r\n".encode(), [Reply(550, ("Größe",))]),
    "not complete": (b"250-a\r\n250", []),
    "empty lines of a long reply": (b"220-\r\n220 \r\n", [Reply(220, ("", ""))]),
}

BAD = {
    "empty line": b"\r\n",
    "no code": b"hello world\r\n",
    "two digits": b"25 ok\r\n",
    "code of a class that does not exist": b"650 ok\r\n",
    "code of class 1": b"150 ok\r\n",
    "no separator": b"250ok\r\n",
    "other code in the next line": b"250-a\r\n550 b\r\n",
    "bytes": b"\x00\xff\x01\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n",
    "other digits": "٢٥٠ ok\r\n".encode(),
    "no end": b"250 " + b"x" * (LONGEST_LINE + 1),
    "too many lines": b"250-x\r\n" * (MOST_LINES + 1),
}


@pytest.mark.parametrize(("data", "replies"), GOOD.values(), ids=GOOD.keys())
def test_replies_are_read(data: bytes, replies: list[Reply]) -> None:
    assert ReplyParser().feed(data) == replies


@pytest.mark.parametrize(("data", "replies"), GOOD.values(), ids=GOOD.keys())
def test_replies_are_read_one_byte_at_a_time(data: bytes, replies: list[Reply]) -> None:
    parser = ReplyParser()
    assert [reply for byte in data for reply in parser.feed(bytes([byte]))] == replies


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(BadReply):
        ReplyParser().feed(data)


def test_whether_something_waits() -> None:
    parser = ReplyParser()
    assert parser.empty
    parser.feed(b"250-a\r\n")
    assert not parser.empty
    parser.feed(b"250 b\r\n2")
    assert not parser.empty
    parser.feed(b"50 c\r\n")
    assert parser.empty


texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=30)
replies = st.builds(Reply, st.integers(200, 599), st.lists(texts, min_size=1, max_size=4).map(tuple))


def written(reply: Reply) -> bytes:
    """A reply as a server writes it."""
    lines = [f"{reply.code}-{line}" for line in reply.lines[:-1]] + [f"{reply.code} {reply.lines[-1]}"]
    return "".join(f"{line}\r\n" for line in lines).encode()


@given(st.lists(replies, max_size=6), st.data())
def test_any_cut_gives_the_same_replies(wanted: list[Reply], data: st.DataObject) -> None:
    whole = b"".join(map(written, wanted))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    parser = ReplyParser()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += parser.feed(whole[start:end])
    assert found == wanted
    assert parser.empty


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_bytes_are_replies_or_refused(chunks: list[bytes]) -> None:
    parser = ReplyParser()
    for chunk in chunks:
        try:
            replies = parser.feed(chunk)
        except BadReply:
            return
        assert all(200 <= reply.code <= 599 and reply.lines for reply in replies)


@pytest.mark.parametrize(
    ("reply", "enhanced", "word"),
    [
        (Reply(550, ("5.1.1 no such user",)), "5.1.1", "550 5.1.1"),
        (Reply(550, ("5.7.26",)), "5.7.26", "550 5.7.26"),
        (Reply(550, ("no such user",)), "", "550"),
        (Reply(550, ("4.1.1 the classes contradict",)), "", "550"),
        (Reply(550, ("5.1.1.1 no code",)), "", "550"),
        (Reply(250, ("10.0.0.1 is an address",)), "", "250"),
        (Reply(421, ("4.3.2 a", "4.3.2 b")), "4.3.2", "421 4.3.2"),
    ],
)
def test_codes(reply: Reply, enhanced: str, word: str) -> None:
    assert (reply.enhanced, reply.word) == (enhanced, word)
