"""``/health``: ready or not, and why."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ictcore.domain.errors import StoreUnavailable
from ictcore.store import workers
from ictcore.usecases import health
from ictcore.usecases.system import System
from tests.api.secured import PASSWORD, Secured, User, basic

FAR: dict[str, Any] = {"extras": {"REMOTE_ADDR": "10.0.0.1"}}
"""Options of a request from another machine."""


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


@pytest.fixture
def dispatcher(secured: Secured) -> Callable[..., int]:
    """``dispatcher(health, lease)``: a dispatcher that runs."""

    def start(found: Any = (), lease: float = 15.0, text: str | None = None) -> int:
        system = secured.system
        node = workers.node_id(system.store, "local", system.now())
        worker = workers.register(system.store, node, "w1", system.now(), system.now() + lease)
        published = text if text is not None else msgspec.json.encode(list(found)).decode()
        workers.renew(system.store, worker, system.now() + lease, published, "{}")
        return worker

    return start


def entries(secured: Secured) -> dict[str, health.Entry]:
    return {entry.name: entry for entry in health.check(secured.system).dependencies}


@pytest.mark.both_engines
def test_ready_and_every_dependency_to_those_who_may_know(secured: Secured, dispatcher: Callable[..., int]) -> None:
    dispatcher()
    assert secured.call("GET", "/health", **FAR).json == {"status": "ready"}
    assert "dependencies" in secured.call("GET", "/health").json, "the machine itself may know"
    by_proxy = secured.call("GET", "/health", headers={"X-Forwarded-For": "10.0.0.1"})
    assert by_proxy.json == {"status": "ready"}
    shown = secured.call("GET", "/health", auth=secured.token()).json
    assert shown["status"] == "ready"
    assert [(entry["name"], entry["ok"]) for entry in shown["dependencies"]] == [
        ("database", True), ("disk", True), ("dispatcher", True),
    ]  # fmt: skip
    assert "dependencies" in secured.call("GET", "/health", auth=basic("admin", PASSWORD)).json


def test_details_need_valid_credentials_and_the_permission(secured: Secured) -> None:
    weak = secured.user("weak", role=None)
    for auth in (None, "Bearer nonsense", basic("admin", "wrong"), weak.auth):
        answer = secured.call("GET", "/health", auth=auth, **FAR)
        assert (answer.status_code, answer.json) == (200, {"status": "ready"})


def test_a_queue_without_a_dispatcher_is_not_ready(
    secured: Secured, dispatcher: Callable[..., int], clock: Any
) -> None:
    assert "no dispatcher runs" in entries(secured)["dispatcher"].fault
    assert secured.call("GET", "/health").status_code == 200
    User(secured, 1, "admin").ok("POST", "/send/sms", {"to": "123", "text": "t"})
    answer = secured.call("GET", "/health", auth=secured.token())
    assert (answer.status_code, answer.json["status"], answer.headers["Retry-After"]) == (503, "not ready", "5")
    assert entries(secured)["dispatcher for sms"].fault == "work is waiting and no dispatcher runs"
    dispatcher()
    assert secured.call("GET", "/health").status_code == 200
    clock.forward(16)
    assert secured.call("GET", "/health").status_code == 503, "its lease has ended"


def test_what_is_scheduled_for_later_needs_no_dispatcher_yet(secured: Secured, clock: Any) -> None:
    User(secured, 1, "admin").ok("POST", "/send/sms", {"to": "123", "text": "t", "schedule": {"delay": 600}})
    assert secured.call("GET", "/health").status_code == 200
    clock.forward(601)
    assert secured.call("GET", "/health").status_code == 503


def test_a_gateway_that_is_down_is_told_and_no_reason_to_refuse_work(
    secured: Secured, dispatcher: Callable[..., int]
) -> None:
    dispatcher(
        [{"name": "carrier", "fault": "connection refused", "detail": {"port": 1}}, {"name": "other", "fault": ""}]
    )
    answer = secured.call("GET", "/health", auth=secured.token())
    found = {entry["name"]: entry for entry in answer.json["dependencies"]}
    assert answer.status_code == 200
    assert (found["carrier"]["ok"], found["carrier"]["fault"]) == (False, "connection refused")
    assert found["carrier"]["detail"] == {"port": 1, "node": "local", "worker": "w1"}
    assert found["other"]["ok"] is True


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", "{}", "null", '[{"name": null, "fault": 5, "detail": []}]'])
def test_nonsense_from_a_dispatcher_breaks_nothing(secured: Secured, dispatcher: Callable[..., int], text: str) -> None:
    dispatcher(text=text)
    assert secured.call("GET", "/health", auth=secured.token()).status_code == 200


def test_the_database_is_away(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailable("the database cannot be used now: it is away")

    for name in ("row", "rows", "value", "run"):
        monkeypatch.setattr(secured.system.store, name, away)
    answer = secured.call("GET", "/health")
    assert (answer.status_code, answer.json["status"]) == (503, "not ready")
    assert "it is away" in answer.json["dependencies"][0]["fault"]
    assert secured.call("GET", "/health", **FAR).json == {"status": "not ready"}


def test_migrations_are_waiting(secured: Secured) -> None:
    secured.system.store.run("DELETE FROM schema_migration WHERE name = '0001_initial'")
    assert secured.call("GET", "/health").status_code == 503
    assert "0001_initial" in entries(secured)["database"].fault


def test_a_database_that_was_never_migrated(secured: Secured) -> None:
    secured.system.store.run("DROP TABLE schema_migration")
    assert secured.call("GET", "/health").status_code == 503


def test_a_full_disk_is_told(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 99, 1024))
    entry = entries(secured)["disk"]
    assert (entry.ok, entry.detail) == (False, {"free_bytes": 1024})


def test_a_home_that_is_gone_is_told(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    secured.system.home = secured.system.home / "gone"
    assert not entries(secured)["disk"].ok
