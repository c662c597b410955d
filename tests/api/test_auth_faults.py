"""Requests that meet a fault: no database, a locked one, bodies that are too large."""

from __future__ import annotations

import io
import sqlite3
from typing import Any

import pytest
from falcon import testing

from ictcore.domain.errors import StoreUnavailable
from ictcore.usecases.system import System
from tests.api.secured import Secured


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


def test_no_database_is_503_not_401(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    token = secured.token()

    def away(*_: Any) -> Any:
        raise StoreUnavailable("the database cannot be used now")

    monkeypatch.setattr(secured.system.store, "value", away)
    answer = secured.call("GET", "/users", auth=token)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_locked_database_is_503(secured: Secured) -> None:
    """Another process writes for longer than we wait."""
    store = secured.system.store
    token = secured.token()
    store.driver().execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(str(store.path), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        answer = secured.call("POST", "/contacts", {"phone": "1"}, auth=token)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        other.execute("ROLLBACK")
        assert secured.call("POST", "/contacts", {"phone": "1"}, auth=token).status_code == 200
    finally:
        other.close()


def chunked(secured: Secured, body: bytes) -> tuple[int, bytes]:
    """The answer to a request without a length, as a server passes it on that has put its chunks together."""
    environ = testing.create_environ("/authenticate", method="POST")
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    found: list[str] = []
    answer = secured.client.app(environ, lambda status, headers, exc_info=None: found.append(status))
    return int(found[0][:3]), b"".join(answer)


def test_a_body_that_is_too_large_is_refused(system: System) -> None:
    secured = Secured(system, {"http.max_body": 2048})
    body = b'{"username": "admin", "password": "no", "more": "' + b"x" * 3000 + b'"}'
    answer = secured.client.simulate_post("/authenticate", body=body)
    assert (answer.status_code, list(answer.json["error"]["fields"])) == (412, ["body"])
    status, told = chunked(secured, body)
    assert status == 412
    assert b"must not be larger than 2048 bytes" in told


def test_a_body_may_come_in_chunks(secured: Secured) -> None:
    status, told = chunked(secured, b'{"username": "admin", "password": "correct horse"}')
    assert (status, b"token" in told) == (200, True)


def test_every_answer_has_the_security_headers(secured: Secured) -> None:
    for answer in (secured.call("GET", "/health"), secured.call("GET", "/nothing"), secured.call("GET", "/users")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
