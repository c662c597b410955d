"""Nobody reaches what is somebody else's, and nobody does what he may not."""

from __future__ import annotations

import pytest

from ictcore.api.operation import Operation
from ictcore.api.resources import operations_for

NOUNS = (
    "contacts",
    "groups",
    "texts",
    "templates",
    "programs",
    "transmissions",
    "spools",
    "accounts",
    "providers",
    "send",
)
OF_OTHERS = (
    "authenticate",
    "users",
    "roles",
    "permissions",
    "configuration",
    "health",
    "metrics",
    "plugins",
    "openapi",
    "docs",
    "imports",
    "statistics",
)
"""Nouns that have tests of their own."""
SHARED = ("providers",)
"""Nouns whose rows have no owner."""
CSV = "groups.csv."
"""Tested with CSV."""


def _operations(registry) -> list[Operation]:
    return [
        operation
        for operation in operations_for(registry)
        if operation.tag in NOUNS and not operation.id.startswith(CSV)
    ]


def _forms(registry) -> list[tuple[Operation, str, str]]:
    return [(operation, method, path) for operation in _operations(registry) for method, path in operation.forms]


def test_every_noun_is_tested_somewhere(registry):
    assert {operation.tag for operation in operations_for(registry)} <= {*NOUNS, *OF_OTHERS}


def test_a_stranger_meets_404_on_every_route_with_an_id(registry, world, eve, tables):
    before = tables()
    for operation, method, path in _forms(registry):
        if "{" not in path or operation.tag in SHARED:
            continue
        result = eve.call(method, world.path(operation, path), world.body(operation))
        assert result.status_code == 404, f"{operation.id} {method} {path}: {result.status} {result.text}"
        assert tables() == before, f"{operation.id} {method} {path}"


def test_what_a_stranger_may_not_see_looks_as_what_is_not_there(registry, world, eve):
    for operation, method, path in _forms(registry):
        if "_id}" not in path or operation.tag in SHARED:
            continue
        theirs = eve.call(method, world.path(operation, path), world.body(operation)).json["error"]["message"]
        ids = dict(world.ids)
        world.ids |= {name: 987654 for name in ids if name.endswith("_id")} | {"program": "987654"}
        missing = eve.call(method, world.path(operation, path), world.body(operation)).json["error"]["message"]
        world.ids = ids
        numbers = {str(value) for value in ids.values()} | {"987654"}
        assert _without(theirs, numbers) == _without(missing, numbers), f"{operation.id} {method} {path}"


def _without(message: str, numbers: set[str]) -> str:
    return " ".join(word for word in message.split() if word.strip("'") not in numbers)


def test_lists_show_a_stranger_nothing(registry, world, eve):
    for operation in _operations(registry):
        if operation.id.endswith(".list") and "{" not in operation.path and operation.tag not in SHARED:
            result = eve.call("GET", operation.path)
            assert (result.json, result.headers["X-Total-Count"]) == ([], "0"), operation.id


def test_only_an_admin_of_a_family_sees_all_rows(registry, world, root):
    for operation in _operations(registry):
        if operation.id.endswith(".list") and "{" not in operation.path:
            assert root.get(operation.path), operation.id


REFERENCES = [
    ("programs.sendsms.create", "text_id"), ("programs.sendsms.create", "parent_id"),
    ("programs.sendemail.create", "template_id"), ("programs.receivesms.create", "account_id"),
    ("transmissions.create", "program_id"), ("transmissions.create", "contact_id"),
    ("transmissions.create", "account_id"), ("send.sms", "contact_id"), ("send.sms", "account_id"),
    ("send.email", "contact_id"), ("send.email", "account_id"), ("programs.create_dummy", "text_id"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "field"), REFERENCES, ids=lambda value: str(value))
def test_a_stranger_cannot_refer_to_a_row(name, field, registry, world, ada, eve, tables):
    operation = next(operation for operation in operations_for(registry) if operation.id == name)
    drop = {"text_id": "message", "account_id": "phone", "contact_id": "to"}.get(field)
    body = {key: value for key, value in world.bodies[name].items() if key != drop}
    body[field] = world.ids["program_id" if field == "parent_id" else field]
    if name == "transmissions.create" and field != "program_id":
        body["program_id"] = eve.post("/programs/sendsms", {"message": "m"})["program_id"]
        if field == "account_id":
            body["contact_id"] = eve.post("/contacts", {"phone": "1"})["contact_id"]
    if name.startswith("send.") and field == "account_id":
        body["to"] = "123" if name == "send.sms" else "b@x.org"
    before = tables()
    error = eve.refused(412, operation.method, operation.path, body)
    assert list(error["fields"]) == [field]
    assert tables() == before


def test_without_permissions_every_operation_is_403(registry, world, nobody, tables):
    before = tables()
    for operation, method, path in _forms(registry):
        result = nobody.call(method, world.path(operation, path), world.body(operation))
        assert result.status_code == 403, f"{operation.id} {method} {path}: {result.status} {result.text}"
        assert tables() == before, operation.id


def test_each_named_permission_is_needed(registry, world, users, as_user):
    """Without one of the permissions that the documentation names, the answer is 403."""
    actor = users["ada"]
    for operation in _operations(registry):
        assert operation.permissions, operation.id
        for permission in operation.permissions:
            users["ada"] = type(actor)(actor.user_id, "ada", actor.permissions - {permission})
            result = as_user("ada").call(operation.method, world.path(operation), world.body(operation))
            assert result.status_code == 403, f"{operation.id} without {permission}: {result.status} {result.text}"
            assert permission in result.json["error"]["message"]


def test_the_named_permissions_are_enough(registry, world, users, as_user):
    actor = users["ada"]
    for operation in sorted(_operations(registry), key=lambda operation: operation.method == "DELETE"):
        users["ada"] = type(actor)(actor.user_id, "ada", frozenset(operation.permissions))
        result = as_user("ada").call(operation.method, world.path(operation), world.body(operation))
        assert result.status_code not in (401, 403), f"{operation.id}: {result.status} {result.text}"


def test_without_a_login_every_operation_is_401(registry, world, client):
    for operation, method, path in _forms(registry):
        result = client.simulate_request(method, world.path(operation, path))
        assert result.status_code == 401, f"{operation.id} {method} {path}: {result.status}"
        assert result.headers["WWW-Authenticate"]
