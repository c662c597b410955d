"""What a text becomes: alphabet, coding, parts (3GPP TS 23.038, 23.040)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_kannel.text import (
    ALPHABET,
    EXTENSION,
    GSM7,
    UCS2,
    Concatenation,
    TooLong,
    concatenation,
    decode,
    encode,
    fits_gsm7,
    header,
    split,
    units,
)


@pytest.mark.parametrize(
    ("letter", "code"),
    [("@", 0), ("£", 1), ("\n", 10), ("Å", 14), ("Δ", 16), ("É", 31), (" ", 32), ("¤", 36), ("¡", 64), ("A", 65),
     ("§", 95), ("¿", 96), ("a", 97), ("ä", 123), ("à", 127)],
)  # fmt: skip
def test_default_alphabet(letter: str, code: int) -> None:
    assert ALPHABET.index(letter) == code
    assert len(ALPHABET) == len(set(ALPHABET)) == 128


@pytest.mark.parametrize(
    ("text", "coding", "lengths"),
    [
        pytest.param("", GSM7, [0], id="empty"),
        pytest.param("a" * 160, GSM7, [160], id="one full part"),
        pytest.param("a" * 161, GSM7, [153, 8], id="one letter more"),
        pytest.param("a" * 306, GSM7, [153, 153], id="two full parts"),
        pytest.param("a" * 307, GSM7, [153, 153, 1], id="three parts"),
        pytest.param("€" * 80, GSM7, [80], id="80 euros take 160 septets"),
        pytest.param("€" * 81, GSM7, [76, 5], id="an escape pair is not cut"),
        pytest.param("a" + "€" * 80, GSM7, [77, 4], id="odd number of septets"),
        pytest.param("`", UCS2, [1], id="the backtick is in no table"),
        pytest.param("ж" * 70, UCS2, [70], id="UCS-2, one full part"),
        pytest.param("ж" * 71, UCS2, [67, 4], id="UCS-2, one letter more"),
        pytest.param("😀" * 35, UCS2, [35], id="35 pairs fit"),
        pytest.param("😀" * 36, UCS2, [33, 3], id="a surrogate pair is not cut"),
        pytest.param("\x1b", UCS2, [1], id="the escape itself is no letter"),
        pytest.param("ç", UCS2, [1], id="small c with cedilla is not in the alphabet"),
        pytest.param("\ud83d", UCS2, [1], id="a lone surrogate"),
    ],
)
def test_coding_and_parts(text: str, coding: int, lengths: list[int]) -> None:
    encoded = encode(text)
    assert encoded.coding == coding
    assert [len(part) for part in encoded.parts] == lengths
    assert len(encoded.packed) == len(lengths)


def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    assert encode("a\ud83db").parts == ("a\ufffdb",)


def test_too_many_parts_are_refused_with_their_number() -> None:
    assert len(encode("a" * 1530, 10).parts) == 10
    with pytest.raises(TooLong, match="11 parts; at most 10") as told:
        encode("a" * 1531, 10)
    assert (told.value.parts, told.value.allowed) == (11, 10)
    with pytest.raises(TooLong):
        encode("a" * 153 * 256, 1000)


@given(st.text(max_size=700) | st.text(ALPHABET.replace("\x1b", "") + "".join(EXTENSION), max_size=700))
def test_parts_are_the_text_and_fit(text: str) -> None:
    coding = GSM7 if fits_gsm7(text) else UCS2
    parts = split(text, coding)
    assert "".join(parts) == text
    room = {GSM7: (160, 153), UCS2: (70, 67)}[coding][len(parts) > 1]
    assert all(units(part, coding) <= room for part in parts)
    if coding == UCS2:
        assert all(len(part.encode("utf-16-be", "surrogatepass")) <= 140 for part in parts)
    if len(parts) > 1:
        assert all(parts), "an empty part"


@given(st.text(max_size=400))
def test_what_is_packed_can_be_read_again(text: str) -> None:
    encoded = encode(text)
    data = b"".join(packed[4:] for packed in encoded.packed)
    assert all(int.from_bytes(packed[:4], "big") == len(packed) - 4 for packed in encoded.packed)
    assert decode(data, encoded.coding) == "".join(encoded.parts) == text


def test_header() -> None:
    assert header(7, 3, 2) == bytes((5, 0, 3, 7, 3, 2))
    assert concatenation(header(255, 255, 255)) == Concatenation(255, 255, 255)


@pytest.mark.parametrize(
    ("udh", "found"),
    [
        pytest.param("", None, id="none"),
        pytest.param("0500030c0201", (12, 2, 1), id="8-bit reference"),
        pytest.param("060804 0102 03 01", (258, 3, 1), id="16-bit reference"),
        pytest.param("0b 0504 0b84 23f0 0003 0c 02 02", (12, 2, 2), id="after a port element"),
        pytest.param("0500030c0203", None, id="part after the last"),
        pytest.param("0500030c0200", None, id="part zero"),
        pytest.param("0600030c0201", None, id="wrong length"),
        pytest.param("0500040c0201", None, id="element runs past the end"),
        pytest.param("0101", None, id="half an element"),
    ],
)
def test_concatenation(udh: str, found: tuple[int, int, int] | None) -> None:
    assert concatenation(bytes.fromhex(udh)) == found


@given(st.binary(max_size=40))
def test_any_header_can_be_looked_at(udh: bytes) -> None:
    found = concatenation(udh)
    assert found is None or 1 <= found.number <= found.total


@pytest.mark.parametrize(
    ("data", "coding", "charset", "text"),
    [
        (b"Gr\xc3\xbc\xc3\x9fe", 0, "", "Grüße"),
        (b"Gr\xfc\xdfe", 0, "ISO-8859-1", "Grüße"),
        (b"Gr\xfc\xdfe", 1, "", "Grüße"),
        (b"\x04\x1f\xd8\x3d\xde\x00", 2, "", "П😀"),
        (b"\x04\x1f", 2, "UTF-16BE", "П"),
        ("П".encode(), 2, "UTF-8", "П"),
        (b"\x04\x1f", 2, "UCS-2BE-odd", "П"),
        (b"\xff", 0, "no-such-charset", "\ufffd"),
        (b"\x00", 2, "", "\ufffd"),
    ],
)
def test_decode(data: bytes, coding: int, charset: str, text: str) -> None:
    assert decode(data, coding, charset) == text
