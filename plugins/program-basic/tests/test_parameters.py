from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_program_basic.plugin import BasicPrograms

from ictcore.spec import InvalidInput

TYPES = {program.name: program for program in BasicPrograms().ictcore_register_programs()}

GOOD = [
    pytest.param("sendsms", {"text_id": 1}, id="stored text"),
    pytest.param("sendsms", {"message": "Hello\nAda ☎", "from": "ICTCore"}, id="own text"),
    pytest.param("sendsms", {"message": "x" * 17_085}, id="longest text"),
    pytest.param("receivesms", {"account_id": 7}, id="texts of an account"),
    pytest.param("receivesms", {"phone": "+44 20 7183 8750", "keyword": "STOP"}, id="texts to a number"),
    pytest.param("sendemail", {"template_id": 3}, id="stored template"),
    pytest.param("sendemail", {"subject": "Hi", "body": "<p>a</p>", "body_alt": "a\r\nb"}, id="own mail"),
    pytest.param("sendemail", {"subject": "only a subject"}, id="only a subject"),
    pytest.param(
        "sendemail",
        {
            "template_id": 3,
            "from": "shop@example.com",
            "from_name": "The Shop ☎",
            "reply_to": "[account:email]",
            "list_unsubscribe": "https://example.com/u?c=[contact:contact_id]",
        },
        id="all headers",
    ),
    pytest.param("receiveemail", {"account_id": 7, "email": "a@b.example"}, id="mails to an address"),
]

BAD = [
    pytest.param("sendsms", {}, "text_id", id="no text"),
    pytest.param("sendsms", {"text_id": 1, "message": "x"}, "message", id="two texts"),
    pytest.param("sendsms", {"text_id": "1"}, "text_id", id="id is text"),
    pytest.param("sendsms", {"text_id": 0}, "text_id", id="id is zero"),
    pytest.param("sendsms", {"text_id": 2**63}, "text_id", id="id is too large"),
    pytest.param("sendsms", {"text_id": True}, "text_id", id="id is a truth value"),
    pytest.param("sendsms", {"message": ""}, "message", id="empty text"),
    pytest.param("sendsms", {"message": 5}, "message", id="text is a number"),
    pytest.param("sendsms", {"message": "a\x00b"}, "message", id="NUL in the text"),
    pytest.param("sendsms", {"message": "x" * 17_086}, "message", id="text too long"),
    pytest.param("sendsms", {"message": "x", "from": "a\nb"}, "from", id="LF in the sender"),
    pytest.param("sendsms", {"message": "x", "from": "a\n"}, "from", id="LF after the sender"),
    pytest.param("sendsms", {"message": "x", "from": "a" * 256}, "from", id="sender too long"),
    pytest.param("receivesms", {}, "account_id", id="texts of nobody"),
    pytest.param("receivesms", {"phone": "  "}, "account_id", id="number is blank"),
    pytest.param("receivesms", {"phone": "1\r\n2"}, "phone", id="CR LF in the number"),
    pytest.param("receivesms", {"account_id": 1, "keyword": "two words"}, "keyword", id="two keywords"),
    pytest.param("receivesms", {"account_id": 1, "keyword": "a\n"}, "keyword", id="LF after the keyword"),
    pytest.param("receivesms", {"account_id": 1, "keyword": "k" * 33}, "keyword", id="keyword too long"),
    pytest.param("sendemail", {}, "template_id", id="no mail"),
    pytest.param("sendemail", {"template_id": 1, "subject": "x"}, "subject", id="two mails"),
    pytest.param("sendemail", {"subject": "Hi\r\nBcc: eve@example.com"}, "subject", id="CR LF in the subject"),
    pytest.param("sendemail", {"subject": "Hi\n"}, "subject", id="LF after the subject"),
    pytest.param("sendemail", {"subject": "x" * 256}, "subject", id="subject too long"),
    pytest.param("sendemail", {"subject": "x", "body": "\x00"}, "body", id="NUL in the HTML"),
    pytest.param("sendemail", {"subject": "x", "body_alt": "x" * 1_000_001}, "body_alt", id="body too long"),
    pytest.param("sendemail", {"subject": "x", "from": "nobody"}, "from", id="sender is no address"),
    pytest.param("sendemail", {"subject": "x", "from": "a@b.example, c@d.example"}, "from", id="two senders"),
    pytest.param("sendemail", {"subject": "x", "reply_to": "a@b\n"}, "reply_to", id="LF after the address"),
    pytest.param("sendemail", {"subject": "x", "from_name": "a\r\nTo: b"}, "from_name", id="CR LF in the name"),
    pytest.param("sendemail", {"subject": "x", "list_unsubscribe": "http://a.example"}, "list_unsubscribe", id="http"),
    pytest.param(
        "sendemail", {"subject": "x", "list_unsubscribe": "https://a> <b"}, "list_unsubscribe", id="two links"
    ),
    pytest.param("receiveemail", {}, "account_id", id="mails of nobody"),
    pytest.param("receiveemail", {"email": "a@b\x00"}, "email", id="NUL in the address"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_parameters_are_taken_and_kept(name: str, value: dict[str, Any]) -> None:
    parameters = msgspec.json.decode(msgspec.json.encode(value), type=TYPES[name].parameters)
    kept = msgspec.to_builtins(parameters)
    assert {key: kept[key] for key in value} == value
    assert msgspec.convert(kept, TYPES[name].parameters) == parameters


@pytest.mark.parametrize(("name", "value", "field"), BAD)
def test_bad_parameters_name_their_field(name: str, value: dict[str, Any], field: str) -> None:
    with pytest.raises((msgspec.ValidationError, InvalidInput)) as caught:
        msgspec.convert(value, TYPES[name].parameters)
    if isinstance(caught.value, InvalidInput):
        assert field in caught.value.fields
    else:
        assert f"$.{field}" in str(caught.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    [
        "text_id",
        "message",
        "from",
        "template_id",
        "subject",
        "body",
        "body_alt",
        "account_id",
        "phone",
        "email",
        "keyword",
    ]
)


@given(st.sampled_from(sorted(TYPES)), st.dictionaries(FIELDS, ANYTHING, max_size=4))
def test_any_value_is_taken_or_refused_as_bad_input(name: str, value: dict[str, Any]) -> None:
    try:
        parameters = msgspec.convert(value, TYPES[name].parameters)
    except (msgspec.ValidationError, InvalidInput):
        return
    for field, kept in msgspec.to_builtins(parameters).items():
        if isinstance(kept, str):
            assert "\x00" not in kept
            assert field in ("message", "body", "body_alt") or not set(kept) & set("\r\n")


@pytest.mark.parametrize("name", sorted(TYPES))
def test_parameters_have_a_json_schema(name: str) -> None:
    (_, definitions) = msgspec.json.schema_components([TYPES[name].parameters])
    properties = definitions[TYPES[name].parameters.__name__]["properties"]
    assert set(TYPES[name].references) <= set(properties)
