"""Dots at the beginning of lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_smtp.wire.dots import END, stuff, unstuff

lines = st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"a.", b". .", b"\t."]), max_size=8)


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [
        (b"", b""),
        (b".\r\n", b"..\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n"),
        (b"..\r\n.x\r\n", b"...\r\n..x\r\n"),
        (b"a.\r\n b.c\r\n", b"a.\r\n b.c\r\n"),
    ],
)
def test_dots_are_doubled(plain: bytes, stuffed: bytes) -> None:
    assert stuff(plain) == stuffed


@given(lines)
def test_there_and_back(parts: list[bytes]) -> None:
    content = b"".join(part + b"\r\n" for part in parts)
    stuffed = stuff(content)
    assert unstuff(stuffed) == content
    assert b"\r\n.\r\n" not in b"\r\n" + stuffed, "the content ends too early"
    assert (b"\r\n" + stuffed + END).index(b"\r\n.\r\n") == len(stuffed)
