"""The description says what the routes do, and the routes do what it says."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from falcon import inspect

from ictcore.api.app import create_app
from ictcore.api.openapi import ApiDescription, document, statuses
from ictcore.api.operation import Operation
from ictcore.api.resources import OPERATIONS, operations_for
from ictcore.plugins import Registry
from ictcore.usecases.system import System
from tests.api.secured import Secured


@pytest.fixture
def described(registry: Registry) -> dict[str, Any]:
    return document(operations_for(registry))


def test_the_routes_equal_the_description_both_ways(system: System, registry: Registry, described: Any) -> None:
    app = create_app(system, lambda header, address: None, operations_for(registry))  # type: ignore[arg-type,return-value]
    routed = {
        (method.method, route.path)
        for route in inspect.inspect_app(app).routes
        for method in route.methods
        if not method.internal
    }
    written = {(method.upper(), path) for path, item in described["paths"].items() for method in item}
    assert routed == written


def test_ids_are_unique_and_say_their_group(described: Any) -> None:
    found = [
        (item[method]["operationId"], item[method]["tags"]) for item in described["paths"].values() for method in item
    ]
    ids = [name for name, _ in found]
    assert len(set(ids)) == len(ids)
    assert all(name.split(".")[0] == tags[0] for name, tags in found)
    tags = {tag["name"] for tag in described["tags"]}
    assert {tag for _, own in found for tag in own} == tags


def test_every_reference_leads_somewhere(described: Any) -> None:
    text = msgspec.json.encode(described).decode()
    wanted = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', text))
    assert wanted <= set(described["components"]["schemas"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_every_operation_is_described(operation: Operation) -> None:
    found = document([operation])["paths"][operation.path][operation.method.lower()]
    assert found["summary"]
    assert ("security" in found) == operation.auth
    assert ("requestBody" in found) == (operation.body is not None or bool(operation.media))
    assert {int(code) for code in found["responses"]} == statuses(operation, operation.path) | {200}
    parameters = found.get("parameters", [])
    in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", operation.path))
    in_query = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
    assert len(in_query) == len(set(in_query))
    assert set(in_query) == {parameter.name for parameter in operation.query} | set(operation.filters)
    if operation.auth:
        assert {401, 403} <= statuses(operation, operation.path)
    for code, answer in found["responses"].items():
        assert answer["description"]
        if code not in ("200", "503"):
            assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_installed_program_types_are_in_it(described: Any) -> None:
    body = described["paths"]["/programs/sendsms"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "text_id" in described["components"]["schemas"][body["$ref"].rpartition("/")[2]]["properties"]


def test_it_is_served_to_everybody_and_made_once(system: System) -> None:
    secured = Secured(system)
    first = secured.call("GET", "/openapi.json")
    assert first.headers["Content-Type"] == "application/json"
    assert first.json["openapi"] == "3.1.0"
    assert first.json["info"]["title"] == "ICTCore"
    described = system.part(ApiDescription)
    assert described.json() is described.json()
    assert secured.call("GET", "/openapi.json").content == first.content


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/docs.js", "text/javascript; charset=utf-8"),
        ("/docs/docs.css", "text/css; charset=utf-8"),
    ],
)
def test_the_page_and_its_parts(system: System, path: str, kind: str) -> None:
    answer = Secured(system).call("GET", path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_page_needs_nothing_from_elsewhere(system: System) -> None:
    secured = Secured(system)
    page = secured.call("GET", "/docs").text
    parts = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert "docs/docs.js" in parts
    for part in parts:
        if not part.startswith("data:"):
            assert secured.call("GET", f"/{part}").status_code == 200, part
    for path in ("/docs", "/docs/docs.js", "/docs/docs.css"):
        text = secured.call("GET", path).text
        assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE), (
            "no other server, and no markup from data"
        )
        assert "innerHTML" not in text
