"""Every form of every operation that the REST contract prints for these nouns is answered."""

from __future__ import annotations

import re

import msgspec
import pytest

from ictcore.api.resources import operations_for

FORMS = {
    "programs.create_dummy": ["POST /programs"],
    "programs.list": ["GET /programs"],
    "programs.get": ["GET /programs/{}"],
    "programs.delete": ["DELETE /programs/{}"],
    "programs.transmissions.create": ["PUT /programs/{}/transmissions", "POST /programs/{}/transmissions"],
    "programs.transmissions.list": ["GET /programs/{}/transmissions"],
    "programs.receiveemail.create": ["POST /programs/receiveemail"],
    "programs.receivesms.create": ["POST /programs/receivesms"],
    "programs.sendemail.create": ["POST /programs/sendemail"],
    "programs.sendsms.create": ["POST /programs/sendsms"],
    "transmissions.create": ["POST /transmissions"],
    "transmissions.list": ["GET /transmissions"],
    "transmissions.get": ["GET /transmissions/{}"],
    "transmissions.delete": ["DELETE /transmissions/{}"],
    "transmissions.send": [
        "POST /transmissions/{}/send",
        "GET /transmissions/{}/send",
        "GET /transmissions/{}/call",
        "GET /transmissions/{}/dial",
        "POST /transmissions/{}/call",
        "POST /transmissions/{}/dial",
    ],
    "transmissions.retry": ["POST /transmissions/{}/retry", "GET /transmissions/{}/retry"],
    "transmissions.clone": ["GET /transmissions/{}/clone"],
    "contacts.create": ["POST /contacts"],
    "contacts.list": ["GET /contacts"],
    "contacts.get": ["GET /contacts/{}"],
    "contacts.update": ["PUT /contacts/{}"],
    "contacts.delete": ["DELETE /contacts/{}"],
    "contacts.link.create": ["PUT /contacts/{}/link/{}"],
    "contacts.link.delete": ["DELETE /contacts/{}/link/{}"],
    "groups.create": ["POST /groups"],
    "groups.list": ["GET /groups"],
    "groups.get": ["GET /groups/{}"],
    "groups.update": ["PUT /groups/{}"],
    "groups.delete": ["DELETE /groups/{}"],
    "groups.contacts.list": ["GET /groups/{}/contacts"],
    "templates.create": ["POST /messages/templates"],
    "templates.list": ["GET /messages/templates"],
    "templates.get": ["GET /messages/templates/{}"],
    "templates.update": ["PUT /messages/templates/{}"],
    "templates.delete": ["DELETE /messages/templates/{}"],
    "templates.media.put": ["PUT /messages/templates/{}/media"],
    "templates.media.get": ["GET /messages/templates/{}/media", "GET /messages/templates/{}/download"],
    "texts.create": ["POST /messages/texts"],
    "texts.list": ["GET /messages/texts"],
    "texts.get": ["GET /messages/texts/{}"],
    "texts.update": ["PUT /messages/texts/{}"],
    "texts.delete": ["DELETE /messages/texts/{}"],
    "transmissions.status": ["GET /transmissions/{}/status"],
    "transmissions.detail": ["GET /transmissions/{}/detail"],
    "transmissions.result": ["GET /transmissions/{}/result"],
    "spools.status": ["GET /spools/{}/status"],
    "spools.result": ["GET /spools/{}/result"],
    "accounts.create": ["POST /accounts"],
    "accounts.list": ["GET /accounts"],
    "accounts.get": ["GET /accounts/{}"],
    "accounts.update": ["PUT /accounts/{}"],
    "accounts.delete": ["DELETE /accounts/{}"],
    "accounts.programs.subscribe": ["PUT /accounts/{}/programs/{}"],
    "accounts.programs.unsubscribe": ["DELETE /accounts/{}/programs/{}"],
    "accounts.programs.clear": ["DELETE /accounts/{}/programs"],
    "accounts.users.assign": ["PUT /accounts/{}/users/{}"],
    "accounts.users.dissociate": ["DELETE /accounts/{}/users"],
    "accounts.settings.get": ["GET /accounts/{}/settings/{}"],
    "accounts.settings.put": ["PUT /accounts/{}/settings/{}"],
    "accounts.settings.delete": ["DELETE /accounts/{}/settings/{}"],
    "providers.create": ["POST /providers"],
    "providers.list": ["GET /providers"],
    "providers.get": ["GET /providers/{}"],
    "providers.update": ["PUT /providers/{}"],
    "providers.delete": ["DELETE /providers/{}"],
}
"""Operation of the contract -> its forms. The rest of the contract (documents, campaigns ...) is not built yet."""


@pytest.mark.parametrize("name", FORMS)
def test_printed_forms_are_answered(name, registry):
    registry.programs["receiveemail"] = _fake("receiveemail", registry)
    answered = {
        (method, re.sub(r"\{[^}]*\}", "{}", path)): operation.id
        for operation in operations_for(registry)
        for method, path in operation.forms
    }
    for form in FORMS[name]:
        method, path = form.split()
        assert answered.get((method, path)) == name, form


def _fake(name, registry):
    kind = type(registry.programs["receivesms"])()
    kind.name = name
    return kind


def test_ids_of_operations_are_unique(registry):
    ids = [operation.id for operation in operations_for(registry)]
    assert sorted(ids) == sorted(set(ids))


def test_every_program_type_has_an_operation_with_its_own_fields(registry):
    found = {operation.id: operation for operation in operations_for(registry)}
    for name, kind in registry.programs.items():
        body = found[f"programs.{name}.create"].body
        own = {field.encode_name for field in msgspec.structs.fields(kind.parameters)}
        assert {field.encode_name for field in msgspec.structs.fields(body)} == own | {"name", "type", "parent_id"}


def test_answers_have_the_fields_that_are_documented(registry, world, root):
    """Decoding is strict about the types, and nothing is there that is not documented."""
    for operation in operations_for(registry):
        tag = operation.tag
        if operation.method != "GET" or operation.answer is None or tag not in FORMS_TAGS or "csv" in operation.id:
            continue
        answer = root.ok("GET", world.path(operation))
        msgspec.convert(answer, operation.answer, strict=True)
        kind, rows = operation.answer, [answer]
        if not isinstance(kind, type):
            kind, rows = kind.__args__[0], answer
        if not issubclass(kind, msgspec.Struct) or (tag == "programs" and kind.__name__ == "Program"):
            continue
        for row in rows:
            assert set(row) <= set(kind.__struct_fields__), operation.id


FORMS_TAGS = {name.split(".")[0] for name in FORMS}
