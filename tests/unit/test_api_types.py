from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ictcore.api.body import Decoder
from ictcore.api.types import Email, Flag, Id, Line, Name, Phone, Prose, Struct, partial
from ictcore.domain.errors import InvalidInput
from ictcore.usecases.fields import check_plain, convert


class Inner(Struct):
    size: Annotated[int, msgspec.Meta(ge=1)]


class Sample(Struct):
    name: Name
    number: Id = 1
    flag: Flag = 0
    parts: list[Inner] = msgspec.field(default_factory=list)
    inner: Inner | msgspec.UnsetType = msgspec.UNSET


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    size: Annotated[int, msgspec.Meta(ge=1)] = 1


KINDS = {"line": Line, "name": Name, "prose": Prose, "email": Email, "phone": Phone}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(text=st.text(max_size=40))
def test_texts_hold_no_control_characters(kind, text):
    """Prose is of many lines, so it only refuses NUL; the rest is one line."""
    forbidden = {"\x00"} if kind is Prose else {chr(code) for code in (*range(32), 127)}
    try:
        kept = msgspec.convert(text, kind)
    except msgspec.ValidationError:
        assert set(text) & forbidden or not text or len(text) > 32
    else:
        assert kept == text
        assert not set(text) & forbidden


BAD = [
    (b'{"name": ""}', ["name"]),
    (b"{}", ["name"]),
    (b'{"name": 1, "number": 0, "flag": 2}', ["flag", "name", "number"]),
    (b'{"name": "a", "parts": [{"size": 1}, {"size": 0}]}', ["parts[1].size"]),
    (b'{"name": "a", "inner": {"size": "x"}}', ["inner.size"]),
    (b'{"name": "a", "inner": {}}', ["inner"]),
    (b'{"name": "a", "number": 9223372036854775808}', ["number"]),
    (b"[]", ["body"]),
    (b"", ["name"]),
    (b"{", ["body"]),
]


@pytest.mark.parametrize(("raw", "fields"), BAD)
def test_every_bad_field_is_named(raw, fields):
    with pytest.raises(InvalidInput) as caught:
        Decoder(Sample).decode(raw)
    assert sorted(caught.value.fields) == fields


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(raw):
    decoded, named = None, {}
    try:
        decoded = Decoder(Sample).decode(raw)
    except InvalidInput as error:
        named = error.fields
    assert isinstance(decoded, Sample) or named


def test_an_update_needs_nothing():
    decoded = Decoder(partial(Sample, "Patch")).decode(b"{}")
    assert all(getattr(decoded, name) is msgspec.UNSET for name in decoded.__struct_fields__)


@pytest.mark.parametrize(
    ("values", "below", "fields"),
    [
        ({"size": 0}, "settings", ["settings.size"]),
        ({"x": 1}, "settings", ["settings.x"]),
        ({"size": "1"}, "", ["size"]),
    ],
)
def test_plain_values_are_converted_or_named(values, below, fields):
    with pytest.raises(InvalidInput) as caught:
        convert(values, Strict, below=below)
    assert sorted(caught.value.fields) == fields


def test_plain_values_are_checked_all_the_way_down():
    check_plain("f", {"a": [1, None, {"b": "c"}]})
    deep: list = []
    for _ in range(50):
        deep = [deep]
    for bad in ("\x00", ["\x00"], {"\x00": 1}, {"a": {"b": ["x\x00"]}}, deep):
        with pytest.raises(InvalidInput):
            check_plain("f", bad)
