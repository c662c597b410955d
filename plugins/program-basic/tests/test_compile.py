from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_program_basic.plugin import BasicPrograms

from ictcore.spec import Compilation, InvalidInput, Plan, RouteRequest

TYPES = {program.name: program for program in BasicPrograms().ictcore_register_programs()}
TOKENS = {
    "contact": {"first_name": "Ada <b>&'\"", "last_name": None, "address": "Street 1\r\nBcc: eve@example.com"},
    "account": {"phone": "+442071838750", "first_name": "ICT"},
    "transmission": {"title": "News", "contact": {"first_name": "Ada"}},
}
FILE = {"name": "a.pdf", "content_type": "application/pdf", "digest": "0" * 64, "size": 5}
TEMPLATE = {"subject": "Hi [contact:first_name]", "body": "<p>[contact:first_name]</p>", "body_alt": "[nobody:x]"}


def compiled(name: str, value: dict[str, Any], references: Any = None, tokens: Any = None) -> Plan:
    parameters = msgspec.convert(value, TYPES[name].parameters)
    return TYPES[name].compile(Compilation(parameters, references or {}, TOKENS if tokens is None else tokens))


SMS = [
    pytest.param({"message": "Hello"}, {}, {"text": "Hello"}, id="own text"),
    pytest.param(
        {"message": "[transmission:title] [x:y] [contact:last_name]."}, {}, {"text": "News [x:y] ."}, id="tokens"
    ),
    pytest.param({"message": "[transmission:contact:first_name]"}, {}, {"text": "Ada"}, id="nested token"),
    pytest.param(
        {"text_id": 1}, {"text_id": {"data": "Hi [account:first_name]"}}, {"text": "Hi ICT"}, id="stored text"
    ),
    pytest.param({"message": "x", "from": "ICT"}, {}, {"text": "x", "from": "ICT"}, id="sender name"),
    pytest.param(
        {"message": "x", "from": "[account:phone]"}, {}, {"text": "x", "from": "+442071838750"}, id="sender by token"
    ),
    pytest.param({"message": "x", "from": "[contact:last_name]"}, {}, {"text": "x"}, id="empty sender is none"),
    pytest.param({"message": "[contact:first_name]"}, {}, {"text": "Ada <b>&'\""}, id="plain text is not escaped"),
]


@pytest.mark.parametrize(("value", "references", "data"), SMS)
def test_sendsms_is_one_step(value: dict[str, Any], references: Any, data: dict[str, str]) -> None:
    plan = compiled("sendsms", value, references)
    assert [(step.name, step.application, dict(step.data)) for step in plan.steps] == [("sms_send", "sms_send", data)]
    assert plan.edges == ()


BAD = [
    pytest.param("sendsms", {"text_id": 1}, {}, "text_id", id="the text is gone"),
    pytest.param("sendsms", {"text_id": 1}, {"text_id": {"data": None}}, "text_id", id="the stored text is empty"),
    pytest.param("sendsms", {"message": "[contact:last_name]"}, {}, "message", id="nothing is left of the text"),
    pytest.param("sendsms", {"text_id": 1}, {"text_id": {"data": "a\x00"}}, "text_id", id="NUL in the stored text"),
    pytest.param("sendsms", {"message": "😀" * 9000}, {}, "message", id="too long in UTF-16"),
    pytest.param("sendsms", {"message": "\ud800"}, {}, "message", id="half a surrogate pair"),
    pytest.param("sendsms", {"message": "x", "from": "[contact:first_name]"}, {}, "from", id="hostile sender"),
    pytest.param("sendsms", {"message": "x", "from": "TwelveLetters"}, {}, "from", id="sender too long"),
    pytest.param("sendemail", {"template_id": 1}, {}, "template_id", id="the template is gone"),
    pytest.param(
        "sendemail", {"template_id": 1}, {"template_id": {"subject": "a\r\nb"}}, "template_id", id="stored CR LF"
    ),
    pytest.param("sendemail", {"subject": "x", "from": "[contact:first_name]"}, {}, "from", id="hostile address"),
    pytest.param("sendemail", {"subject": "x", "reply_to": "[no:token]"}, {}, "reply_to", id="token of nothing"),
    pytest.param(
        "sendemail",
        {"subject": "x", "list_unsubscribe": "[contact:address]"},
        {},
        "list_unsubscribe",
        id="hostile link",
    ),
    pytest.param("receivesms", {"account_id": 1}, {"account_id": {"phone": None}}, "account_id", id="no number"),
    pytest.param("receiveemail", {"account_id": 1}, {"account_id": {"email": " "}}, "account_id", id="no address"),
    pytest.param("receivesms", {"account_id": 1}, {}, "account_id", id="the account is gone"),
]


@pytest.mark.parametrize(("name", "value", "references", "field"), BAD)
def test_what_cannot_be_compiled_names_the_field(name: str, value: dict[str, Any], references: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compiled(name, value, references)
    assert list(caught.value.fields) == [field]


def test_template_becomes_a_mail_with_escaped_html() -> None:
    plan = compiled("sendemail", {"template_id": 1}, {"template_id": {**TEMPLATE, "attachments": [FILE | {"id": 9}]}})
    assert plan.first.application == "email_send"
    assert plan.first.data == {
        "subject": "Hi Ada <b>&'\"",
        "html": "<p>Ada &lt;b&gt;&amp;&#x27;&quot;</p>",
        "text": "[nobody:x]",
        "attachments": [FILE],
    }


def test_a_token_cannot_begin_a_second_header() -> None:
    plan = compiled("sendemail", {"subject": "To [contact:address]"})
    assert plan.first.data["subject"] == "To Street 1 Bcc: eve@example.com"


def test_headers_are_rendered_and_empty_ones_left_out() -> None:
    tokens = {
        "contact": {"contact_id": "7&x=<>"},
        "account": {"email": "shop@example.com", "name": "A\nB", "none": None},
    }
    value = {
        "subject": "x",
        "from": "[account:email]",
        "from_name": "[account:name]",
        "reply_to": "[account:none]",
        "list_unsubscribe": "https://example.com/u?c=[contact:contact_id]",
    }
    data = dict(compiled("sendemail", value, tokens=tokens).first.data)
    for name in ("subject", "text", "html", "attachments"):
        del data[name]
    assert data == {
        "from": "shop@example.com",
        "from_name": "A B",
        "list_unsubscribe": "https://example.com/u?c=7%26x%3D%3C%3E",
    }


ROUTES = [
    pytest.param("receivesms", {"account_id": 1}, RouteRequest("sms", "+4420", ""), id="number of the account"),
    pytest.param("receivesms", {"phone": " 60777 ", "keyword": "Stop"}, RouteRequest("sms", "60777", "Stop"), id="own"),
    pytest.param("receiveemail", {"account_id": 1}, RouteRequest("email", "a@b.example"), id="address of the account"),
    pytest.param("receiveemail", {"account_id": 1, "email": "x@y.z"}, RouteRequest("email", "x@y.z"), id="own address"),
]
ACCOUNT = {"account_id": {"phone": "+4420", "email": "a@b.example"}}


@pytest.mark.parametrize(("name", "value", "route"), ROUTES)
def test_inbound_programs_ask_for_a_route(name: str, value: dict[str, Any], route: RouteRequest) -> None:
    program = TYPES[name]
    assert program.direction == "inbound"
    assert list(program.routes(msgspec.convert(value, program.parameters), ACCOUNT)) == [route]
    data = compiled(name, value, ACCOUNT).first.data
    assert route.called in data.values()


@pytest.mark.parametrize("name", ["sendsms", "sendemail"])
def test_outbound_programs_ask_for_none(name: str) -> None:
    assert TYPES[name].direction == "outbound"
    assert list(TYPES[name].routes(None, {})) == []


@given(st.text(), st.text(), st.text())
def test_whatever_a_contact_is_called_the_mail_keeps_its_shape(subject: str, first_name: str, data: str) -> None:
    tokens = {"contact": {"first_name": first_name}, "text": {"data": data}}
    template = {
        "subject": subject + "[contact:first_name]",
        "body": "<p>[contact:first_name]</p>",
        "body_alt": "[text:data]",
    }
    try:
        plan = compiled("sendemail", {"template_id": 1}, {"template_id": template}, tokens)
    except InvalidInput:
        return
    mail = plan.first.data
    assert not set(mail["subject"]) & set("\r\n\x00")
    inner = mail["html"].removeprefix("<p>").removesuffix("</p>")
    assert not set(inner) & set("<>\"'")
    assert "\x00" not in mail["text"]


@given(st.text(max_size=40))
def test_whatever_a_contact_is_called_the_sender_is_harmless(first_name: str) -> None:
    try:
        plan = compiled(
            "sendsms", {"message": "x", "from": "[contact:first_name]"}, {}, {"contact": {"first_name": first_name}}
        )
    except InvalidInput:
        return
    assert not set(plan.first.data.get("from", "")) & set("\r\n\x00'\"\\;<>{}[]|^,")
