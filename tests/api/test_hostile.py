"""Every field of every operation with values that it should not have."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ictcore.api.operation import Operation
from ictcore.api.resources import operations_for

TEXTS = {
    "CR LF": "a\r\nB: c",
    "LF": "a\nb",
    "LF at the end": "a\n",
    "NUL": "a\x00b",
    "SQL": "'; DROP TABLE contact; --",
    "quotes": "\"'`\\",
    "token": "[contact:first_name]",
    "Unicode": "é☎😀\u202e",
    "empty": "",
    "spaces": "   ",
    "long": "x" * 300,
    "longer": "x" * 5000,
    "huge": "x" * 1_100_000,
    "percent": "%s%d?{}",
}
OTHERS = {
    "null": None, "true": True, "list": [], "object": {}, "list of lists": [[1]], "minus one": -1, "zero": 0,
    "fraction": 1.5, "64 bits": 2**63, "65 bits": 2**64, "-65 bits": -(2**64), "number": 12345,
}  # fmt: skip
RAW = {
    "lone surrogate": b'"\\ud800"', "half a pair": b'"\\udc00\\ud800"', "not UTF-8": b'"\xff"', "infinity": b"1e999",
    "NaN": b"NaN", "many digits": b"9" * 5000, "deep": b"[" * 50_000 + b"]" * 50_000,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "unfinished": b'"',
}  # fmt: skip
WHOLE = {
    "no JSON": b"{", "list": b"[]", "text": b'"x"', "null": b"null", "number": b"1",
    "BOM": b"\xef\xbb\xbf{}", "deep": b"[" * 100_000,
}  # fmt: skip
SECRET = {"passwd", "passwd_pin", "password"}
ALLOWED = {200, 404, 412, 417, 423, 501}


def _fields(operation: Operation, body: dict[str, Any]) -> list[str]:
    kind = operation.body
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [field.encode_name for field in msgspec.structs.fields(kind)]
    return sorted({*body, "name", "parent_id", "text_id", "message"})


def _with_body(registry) -> list[Operation]:
    return [operation for operation in operations_for(registry) if operation.body is not None]


IDS = (
    "contacts.create", "contacts.update", "groups.create", "groups.update", "texts.create", "texts.update",
    "templates.create", "templates.update", "programs.create_dummy", "programs.sendsms.create",
    "programs.sendemail.create", "programs.receivesms.create", "programs.update", "transmissions.create",
    "programs.transmissions.create", "spools.settle", "accounts.create", "accounts.update", "accounts.settings.put",
    "providers.create", "providers.update", "send.sms", "send.email",
)  # fmt: skip
OF_OTHERS = ("authenticate", "users", "roles", "permissions", "configuration")
"""Nouns that have a test of their own."""


def test_every_operation_with_a_body_is_tried(registry):
    found = {operation.id for operation in _with_body(registry) if operation.tag not in OF_OTHERS}
    assert found == set(IDS)


@pytest.fixture
def operation(request, registry) -> Operation:
    return next(operation for operation in operations_for(registry) if operation.id == request.param)


@pytest.mark.parametrize("operation", IDS, indirect=True)
def test_hostile_fields(operation, world, root, tables):
    right = world.body(operation)
    path = world.path(operation)
    problems = []
    for field in _fields(operation, right):
        for name, value in (TEXTS | OTHERS).items():
            before = tables()
            result = root.call(operation.method, path, {**right, field: value})
            problems += [f"{field}={name}: {wrong}" for wrong in _judge(result, field, value, before, tables, root)]
        for name, raw in RAW.items():
            before = tables()
            rest = {key: inner for key, inner in right.items() if key != field}
            text = msgspec.json.encode(rest)[:-1] + (b"," if rest else b"") + b'"' + field.encode() + b'":' + raw + b"}"
            result = root.call(operation.method, path, text)
            if result.status_code != 412 or tables() != before:
                # Whatever it is, it is no JSON, or no value for any field; only a member that is ignored may be so.
                problems.append(f"{field}={name}: {result.status} {result.text[:200]}")
    assert not problems


def _judge(result, field, value, before, tables, root) -> list[str]:
    if result.status_code not in ALLOWED:
        return [f"{result.status} {result.text[:300]}"]
    if result.status_code != 200:
        wrong = [] if tables() == before else ["rows changed"]
        if result.status_code == 412:
            names = result.json["error"].get("fields", {})
            if not any(name == field or name.startswith((f"{field}.", f"{field}[")) for name in names):
                # One field may be what makes another one wrong: it must be named then.
                wrong += (
                    []
                    if names
                    and field
                    in (
                        "text_id",
                        "message",
                        "contact_id",
                        "to",
                        "phone",
                        "email",
                        "body",
                        "body_alt",
                        "text",
                        "html",
                        "account_id",
                        "type",
                        "name",
                        "settings",
                        "service_flag",
                    )
                    else [f"not named: {result.text[:200]}"]
                )
        return wrong
    answer = result.json
    if (
        isinstance(value, str)
        and isinstance(answer, dict)
        and isinstance(answer.get(field), str)
        and field not in SECRET
    ):
        return [] if answer[field] == value else [f"changed to {answer[field][:100]!r}"]
    return []


def test_hostile_bodies(registry, world, root, tables):
    before = tables()
    for operation in _with_body(registry):
        if operation.id not in IDS:
            continue
        for raw in WHOLE.values():
            error = root.refused(412, operation.method, world.path(operation), raw)
            assert error["fields"], (operation.id, raw[:20])
            assert tables() == before, (operation.id, raw[:20])


STORED = [
    ("/contacts", {}, "contact_id", "description"),
    ("/contacts", {}, "contact_id", "custom1"),
    ("/groups", {"name": "g"}, "group_id", "description"),
    ("/messages/texts", {"name": "t"}, "text_id", "data"),
    ("/messages/templates", {"name": "t", "subject": "s"}, "template_id", "body"),
    ("/messages/templates", {"name": "t", "body": "b"}, "template_id", "subject"),
    ("/accounts", {}, "account_id", "address"),
    ("/programs/sendsms", {}, "program_id", "message"),
]


@pytest.mark.both_engines
def test_what_is_legal_comes_back_unchanged(ada):
    for path, rest, key, field in STORED:
        for name in ("SQL", "quotes", "token", "Unicode", "percent", "spaces"):
            row_id = ada.post(path, {**rest, field: TEXTS[name]})[key]
            single = f"/programs/{row_id}" if key == "program_id" else f"{path}/{row_id}"
            assert ada.get(single)[field] == TEXTS[name], (path, field, name)


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=0",
        "limit=1001",
        "limit=99999999999999999999",
        "offset=-1",
        "offset=1e3",
        "sort=nothing",
        "sort=" + "name," * 10,
        "nothing=1",
        "date_created=x",
        "before=nan",
        "after=",
        "name=%00",
        "group_id=x",
        "group_id=" + "9" * 30,
        "group_id=" + "9" * 5000,
    ],
)
def test_hostile_queries(query, ada, world):
    name = query.partition("=")[0]
    error = ada.refused(412, "GET", "/groups", query_string=query)
    assert list(error["fields"]) == [name]


@pytest.mark.parametrize(
    "query", ["name=%ED%A0%80", "name=%FF", "name=%25s%3F", "name=*", "name='%20OR%201=1", "a=", "limit=%ED%A0%80"]
)
def test_odd_queries_are_no_fault(query, ada, world):
    assert ada.call("GET", "/groups", query_string=query).status_code in (200, 412)


@pytest.mark.parametrize(
    "path",
    [
        "/contacts/x",
        "/contacts/-1",
        "/contacts/0",
        "/contacts/%00",
        "/contacts/1e3",
        "/contacts/99999999999999999999",
        "/contacts/9223372036854775807",
        "/contacts/1;DROP",
        "/contacts/%D9%A1",
        "/nothing",
        "/contacts/1/nothing",
        "//",
        "/%FF",
    ],
)
def test_odd_paths_are_404(path, ada, world):
    ada.refused(404, "GET", path)


def test_wrong_methods_are_404(ada, world):
    ada.refused(404, "PATCH", "/contacts")
    ada.refused(404, "DELETE", "/contacts")
