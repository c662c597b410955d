from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ictcore.api.files import disposition_name
from ictcore.domain.errors import InvalidInput
from ictcore.usecases.attachments import content_type, file_name

HEADERS = [
    ("", None),
    ("attachment", None),
    ("attachment; filename=a.txt", "a.txt"),
    ('attachment; filename="a b.txt"', "a b.txt"),
    ("attachment; FILENAME = a", "a"),
    ('attachment; filename="a\\"b"', 'a"b'),
    ("attachment; filename*=UTF-8''%C3%BC.txt", "ü.txt"),
    ("attachment; filename*=utf-8'de'a%20b", "a b"),
    ('attachment; filename="Ã¼.txt"', "ü.txt"),
    ('attachment; filename="\xfc.txt"', "ü.txt"),
    ("attachment; filename*=UTF-8''%FF", "\ufffd"),
    ('attachment; filename=""', ""),
]


@pytest.mark.parametrize(("header", "name"), HEADERS)
def test_names_in_headers(header, name):
    assert disposition_name(header) == name


@given(st.text(max_size=200))
def test_any_header_gives_a_safe_name_or_none(header):
    name = disposition_name(header)
    if name is None:
        return
    try:
        safe = file_name("name", name)
    except InvalidInput:
        return
    assert 1 <= len(safe) <= 255
    assert safe not in (".", "..")
    assert not set(safe) & set("/\\\r\n\x00\u2028\u2029")


TYPES = [
    ("", "application/octet-stream"),
    ("Text/HTML; charset=utf-8", "text/html"),
    ("image/svg+xml", "image/svg+xml"),
    ("application/vnd.ms-excel", "application/vnd.ms-excel"),
]


@pytest.mark.parametrize(("text", "kind"), TYPES)
def test_media_types(text, kind):
    assert content_type("Content-Type", text) == kind


@pytest.mark.parametrize("text", ["pdf", "a/b/c", "a/", "/b", "a b/c", "a/b\nc", 'a/"b"', "a/" + "x" * 65, "é/a"])
def test_bad_media_types(text):
    with pytest.raises(InvalidInput) as caught:
        content_type("Content-Type", text)
    assert list(caught.value.fields) == ["Content-Type"]
