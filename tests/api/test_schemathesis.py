"""Generated requests for every operation: no 500, no undocumented status, every answer as described.

Few examples by default; ``ICTCORE_SCHEMATHESIS_EXAMPLES=500`` looks harder.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from falcon import testing
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ictcore.api.openapi import document
from ictcore.api.resources import operations_for
from ictcore.api.wsgi import create
from ictcore.runtime import core_settings
from ictcore.store.database import Store
from ictcore.store.schema import migrate
from ictcore.testing import StaticSettings
from ictcore.usecases.bootstrap import bootstrap
from ictcore.usecases.system import System
from tests.api.conftest import fake_registry
from tests.api.secured import CHEAP, PASSWORD

EXAMPLES = int(os.environ.get("ICTCORE_SCHEMATHESIS_EXAMPLES", "4"))
ENDS_ITS_TOKEN = frozenset({"authenticate.cancel", "users.password.update", "users.update", "users.delete"})
"""May end the token that they are called with: each call gets a new one."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One system for all operations: the more it holds, the more there is to find."""
    home = tmp_path_factory.mktemp("schemathesis")
    registry = fake_registry()
    store = Store(f"sqlite:///{home}/ictcore.db", durable=False)
    migrate(store)
    system = System(store, registry, StaticSettings(core_settings(), CHEAP), home)
    bootstrap(system, admin_password=PASSWORD)
    app = create(system)
    client = testing.TestClient(app)
    headers = {"Authorization": "Bearer " + _token(client)}
    seeds = (
        ("/contacts", {"phone": "123", "email": "b@x.org"}), ("/groups", {"name": "g"}),
        ("/messages/texts", {"name": "t", "data": "d"}),
        ("/messages/templates", {"name": "m", "subject": "s", "body": "b"}),
        ("/programs/sendsms", {"message": "m"}), ("/users", {"username": "bob", "password": PASSWORD}),
        ("/roles", {"name": "r"}), ("/providers", {"name": "p", "type": "smpp", "host": "h", "username": "u"}),
        ("/send/sms", {"to": "123", "text": "t"}),
    )  # fmt: skip
    for path, body in seeds:
        answer = client.simulate_post(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
    yield schemathesis.openapi.from_dict(document(operations_for(registry))), closing(app), client
    store.close()


def closing(app: Any) -> Any:
    """``app`` for a client that forgets to close what it was sent (PEP 3333 wants it closed)."""

    def outer(environ: dict[str, Any], start: Any) -> list[bytes]:
        body = app(environ, start)
        try:
            return list(body)
        finally:
            if hasattr(body, "close"):
                body.close()

    return outer


def _token(client: testing.TestClient) -> str:
    body = {"username": "admin", "password": PASSWORD}
    token: str = client.simulate_post("/authenticate", json=body).json["token"]
    return token


ALL = operations_for(fake_registry())
FORMS = [(operation.id, method, path) for operation in ALL for method, path in operation.forms]
WITH_INPUT = [
    (operation.id, method, path)
    for operation in ALL
    for method, path in operation.forms
    if operation.body is not None or operation.query or "_id}" in path
]
"""Forms with something that can be wrong."""


def no_fault(context: Any, response: Any, case: Any) -> None:
    """500 is a fault of ours, whatever was sent; 501 and 503 are answers (and must be described)."""
    assert response.status_code != 500, response.text


CHECKS = [
    no_fault, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip


def try_out(served: Any, name: str, method: str, path: str, mode: GenerationMode, count: int) -> None:
    """Send ``count`` generated requests and judge the answers."""
    schema, app, client = served
    token = _token(client)

    @settings(
        max_examples=count, deadline=None, database=None, derandomize=EXAMPLES < 50, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def generated(case: Any) -> None:
        own = _token(client) if name in ENDS_ITS_TOKEN else token
        response = case.call(app=app, headers={"Authorization": f"Bearer {own}"})
        case.validate_response(response, checks=CHECKS)

    generated()


@pytest.mark.parametrize(("name", "method", "path"), FORMS, ids=[f"{method} {path}" for _, method, path in FORMS])
def test_right_requests(served: Any, name: str, method: str, path: str) -> None:
    try_out(served, name, method, path, GenerationMode.POSITIVE, EXAMPLES)


@pytest.mark.parametrize(("name", "method", "path"), WITH_INPUT, ids=[f"{m} {path}" for _, m, path in WITH_INPUT])
def test_wrong_requests(served: Any, name: str, method: str, path: str) -> None:
    try_out(served, name, method, path, GenerationMode.NEGATIVE, EXAMPLES)


def test_every_operation_is_tried() -> None:
    described = {
        (method.upper(), path)
        for path, item in document(operations_for(fake_registry()))["paths"].items()
        for method in item
    }
    assert {(method, path) for _, method, path in FORMS} == described
