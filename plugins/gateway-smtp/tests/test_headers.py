"""Header fields: whatever text goes in, the standard library's parser reads the same text, and no further header."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_smtp.headers import BadHeader, content_type, mailbox, parameter, structured, unstructured

HOSTILE = [
    "a\r\nBcc: victim@evil.example",
    "a\nBcc: victim@evil.example",
    "a\rBcc: victim@evil.example",
    "a\0b",
    "\r\n",
    "tail\r\n",
]
ODD = [
    "Hello",
    "",
    " leading and trailing ",
    "two  spaces",
    "Grüße aus Köln",
    "Привет, мир! " * 12,
    "😀👩‍👩‍👧" * 20,
    "=?utf-8?b?SGVsbG8=?= is text",
    "a =? b ?= c",
    "x" * 2000,
    "word " * 300,
    "ü" + "x" * 500,
    "tab\there",
    "bell \x07 escape \x1b delete \x7f",
    "\u2028 \u2029 \x85 \x0b \x0c",
    "\ufeffmark \u202e",
    'quotes " and \\ and <x@y> (comment), comma; semicolon',
]


def parsed(fields: bytes) -> EmailMessage:
    """A mail with these header fields, as the standard library reads it."""
    return cast(EmailMessage, message_from_bytes(fields + b"\r\nbody\r\n", policy=policy.default))


def check_lines(fields: bytes) -> None:
    """Each line is ASCII, ends with CRLF, and is short enough for any server."""
    assert fields.endswith(b"\r\n")
    for line in fields[:-2].split(b"\r\n"):
        assert b"\r" not in line
        assert b"\n" not in line
        assert line.isascii()
        assert line.strip(), "an empty line ends the header"
        assert len(line) <= 200


@pytest.mark.parametrize("text", ODD)
def test_any_subject_comes_back(text: str) -> None:
    field = unstructured("Subject", text)
    check_lines(field)
    mail = parsed(field)
    assert list(mail.keys()) == ["Subject"]
    assert str(mail["Subject"]) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_line_breaks_and_nul_are_refused(text: str) -> None:
    for build in (
        lambda: unstructured("Subject", text),
        lambda: structured("References", text),
        lambda: mailbox(text, "a@example.com"),
    ):
        with pytest.raises(BadHeader):
            build()


letters = st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\0")


@given(st.text(letters, max_size=300))
def test_any_text_comes_back(text: str) -> None:
    field = unstructured("Subject", text)
    check_lines(field)
    mail = parsed(field)
    assert list(mail.keys()) == ["Subject"]
    assert str(mail["Subject"]) == text


def test_encoded_words_are_short_enough() -> None:
    field = unstructured("Subject", "Привет 😀 " * 40)
    for line in field.decode().splitlines():
        assert len(line) <= 76
        for word in line.split():
            assert len(word) <= 75


@pytest.mark.parametrize("name", ["", "A b", "A:", "A\r\nB", "Ü", "a\0"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(BadHeader):
        unstructured(name, "x")


@pytest.mark.parametrize("value", ["", "ü", "a\tb", "x" * 1000])
def test_values_that_are_syntax_are_ascii(value: str) -> None:
    with pytest.raises(BadHeader):
        structured("References", value)


def test_long_references_are_folded() -> None:
    value = " ".join(f"<{number}@example.com>" for number in range(40))
    field = structured("References", value)
    check_lines(field)
    assert " ".join(str(parsed(field)["References"]).split()) == value


@given(st.text(letters, max_size=80))
def test_any_name_comes_back(name: str) -> None:
    field = f"From: {mailbox(name, 'shop@example.com')}\r\n".encode()
    check_lines(field)
    mail = parsed(field)
    assert list(mail.keys()) == ["From"]
    (address,) = cast(tuple[Address, ...], mail["From"].addresses)
    assert address.addr_spec == "shop@example.com"
    # The library's new parser puts a space between two encoded words of a name; the old one reads them right.
    raw, plain = parseaddr(field.decode().partition(":")[2].replace("\r\n", "").strip())
    assert plain == "shop@example.com"
    if name.isprintable():
        assert str(make_header(decode_header(raw))) == name.strip()


@given(st.text(max_size=120))
def test_any_file_name_comes_back_in_one_line(name: str) -> None:
    field = b"Content-Disposition: attachment" + parameter("filename", name).encode("ascii") + b"\r\n"
    check_lines(field)
    mail = parsed(field)
    assert list(mail.keys()) == ["Content-Disposition"]
    if name.isprintable() and name.strip() == name and name:
        assert mail.get_filename() == name


@pytest.mark.parametrize(
    ("given_type", "used"),
    [
        ("application/pdf", "application/pdf"),
        ("Text/Plain; charset=x", "text/plain"),
        ("", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("a/b\r\nX: y", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("a/b c", "application/octet-stream"),
    ],
)
def test_content_types(given_type: str, used: str) -> None:
    assert content_type(given_type) == used
