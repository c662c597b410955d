"""The OpenAPI 3.1 document, made from the table of operations: it cannot say anything that the routes do not do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from ictcore.api.operation import JSON, PAGING, Operation, Parameter
from ictcore.api.types import Struct
from ictcore.usecases.system import System

REFERENCE = "#/components/schemas/{name}"
_VARIABLE = re.compile(r"{(\w+)}")
_REASONS = {
    401: "The credentials are missing or wrong.",
    403: "The user lacks a permission.",
    404: "There is no such thing, or it belongs to somebody else.",
    412: "Fields cannot be accepted; every one is named.",
    417: "It contradicts what is stored.",
    423: "It is not in a state that allows this.",
    500: "A fault of the server.",
    501: "No installed plugin can do this.",
    503: "Something that the system depends on does not answer; try again later.",
}


class ErrorDetail(Struct, kw_only=True):
    """What went wrong. ``type`` is stable; ``fields`` has a reason for every field that cannot be accepted."""

    code: int
    message: str
    type: str = "error"
    fields: dict[str, str] = msgspec.field(default_factory=dict)


class Error(Struct):
    """The body of every answer that is no success."""

    error: ErrorDetail


class ApiDescription:
    """The document of the operations that a process serves, as bytes. Made by ``system.part``."""

    def __init__(self, system: System | None = None) -> None:
        self.operations: Sequence[Operation] = ()
        self._made: tuple[Sequence[Operation], bytes] | None = None

    def json(self) -> bytes:
        """The document. Made once."""
        if self._made is None or self._made[0] is not self.operations:
            self._made = (self.operations, msgspec.json.encode(document(self.operations)))
        return self._made[1]


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document as plain data."""
    table = list(operations)
    used = [kind for operation in table for kind in _types(operation)]
    schemas, components = msgspec.json.schema_components([*used, Error], ref_template=REFERENCE)
    known = dict(zip(range(len(used)), schemas, strict=False))
    position = 0
    paths: dict[str, dict[str, Any]] = {}
    for operation in table:
        count = len(_types(operation))
        own = [known[position + offset] for offset in range(count)]
        position += count
        for number, (method, path) in enumerate(operation.forms):
            paths.setdefault(path, {})[method.lower()] = _operation(operation, method, path, number, own)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ICTCore",
            "version": version("ictcore"),
            "description": "Voice, fax, SMS and e-mail. Get a token by `POST /authenticate`, or send Basic.",
            "license": {"name": "MPL-2.0", "identifier": "MPL-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in table)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _types(operation: Operation) -> list[Any]:
    """The types whose schemas the operation needs, in a fixed order."""
    kinds = [parameter.kind for parameter in operation.query]
    if operation.body is not None:
        kinds.append(operation.body)
    if operation.produces == JSON:
        kinds.append(operation.answer if operation.answer is not None else type(None))
    return kinds


def _operation(operation: Operation, method: str, path: str, number: int, schemas: Sequence[Any]) -> dict[str, Any]:
    remaining = list(schemas)
    parameters = [_path_parameter(name) for name in _VARIABLE.findall(path)]
    parameters += [_query_parameter(parameter, remaining.pop(0)) for parameter in operation.query]
    taken = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    parameters += [
        {"name": name, "in": "query", "schema": {"type": "string"}, "description": "Only rows with this value."}
        for name in operation.filters
        if name not in taken
    ]
    parameters += [
        {"name": name, "in": "header", "schema": {"type": "string"}, "description": text}
        for name, text in operation.headers.items()
    ]
    text = operation.description
    if operation.permissions:
        names = ", ".join(f"`{name}`" for name in operation.permissions)
        text = f"{text}\n\nPermissions: {names}.".strip()
    described: dict[str, Any] = {
        "operationId": operation.id if not number else f"{operation.id}.{number}",
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": {},
    }
    if text:
        described["description"] = text
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {"content": {JSON: {"schema": remaining.pop(0)}}}
    elif operation.media:
        binary = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {"required": True, "content": dict.fromkeys(operation.media, binary)}
    if operation.auth:
        described["security"] = [{"bearer": []}, {"basic": []}]
    described["responses"] = _responses(operation, path, remaining)
    return described


def _responses(operation: Operation, path: str, remaining: Sequence[Any]) -> dict[str, Any]:
    if operation.produces == JSON:
        content = {JSON: {"schema": remaining[0]}}
    else:
        content = {operation.produces: {"schema": {"type": "string", "format": "binary"}}}
    success: dict[str, Any] = {"description": operation.summary, "content": content}
    if set(PAGING) <= set(operation.query):
        success["headers"] = {
            "X-Total-Count": {"schema": {"type": "integer"}, "description": "Rows on all pages together."},
            "X-Total-Count-Exact": {"schema": {"type": "string"}, "description": "`false`: there are more than that."},
            "Link": {"schema": {"type": "string"}, "description": "The pages around this one (RFC 8288)."},
        }
    answers: dict[str, Any] = {"200": success}
    failed = {JSON: {"schema": {"$ref": REFERENCE.format(name="Error")}}}
    for status in sorted(statuses(operation, path)):
        answers[str(status)] = {"description": _REASONS.get(status, "It failed."), "content": failed}
        if status == 503 or (status == 401 and not operation.auth):
            answers[str(status)]["headers"] = {
                "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}
            }
    if operation.id == "health.get":  # what is not ready answers with the same report
        answers["503"] = {**answers["503"], "content": {JSON: {"schema": remaining[0]}}}
    return answers


def statuses(operation: Operation, path: str) -> set[int]:
    """Every status but 200 that the operation may answer."""
    found = set(operation.errors) | {500, 503}
    if operation.auth:
        found |= {401, 403}
    if operation.body is not None or operation.media or operation.query or operation.filters:
        found.add(412)
    if "{" in path:
        found.add(404)
    return found


def _path_parameter(name: str) -> dict[str, Any]:
    """Parts called ``…_id`` are numbers, as the router takes them."""
    kind = {"type": "integer", "minimum": 0} if name.endswith("_id") else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": kind}


def _query_parameter(parameter: Parameter, schema: Any) -> dict[str, Any]:
    described = {"name": parameter.name, "in": "query", "schema": schema}
    return described | ({"description": parameter.help} if parameter.help else {})
