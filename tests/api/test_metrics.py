"""``/metrics``"""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ictcore.store import workers
from ictcore.usecases import metrics
from ictcore.usecases.system import System
from tests.api.secured import Secured, User, basic


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


def scraped(secured: Secured, **options: Any) -> dict[tuple[str, ...], float]:
    """``(name, label values …) -> value``, as a Prometheus server reads it."""
    answer = secured.call("GET", "/metrics", **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.both_engines
def test_attempts_by_state_and_service(secured: Secured, clock: Any) -> None:
    admin = User(secured, 1, "admin")
    for number in range(3):
        admin.ok("POST", "/send/sms", {"to": f"12{number}", "text": "t"})
    admin.ok("POST", "/send/email", {"to": "a@b.org", "subject": "s", "text": "t"})
    store = secured.system.store
    store.run("UPDATE spool SET state = 'submitted', deadline_at = 1 WHERE id = 1")
    clock.forward(30)
    found = scraped(secured)
    assert found["ictcore_attempts", "sms", "queued"] == 2
    assert found["ictcore_attempts", "sms", "submitted"] == 1
    assert found["ictcore_attempts", "email", "queued"] == 1
    assert found["ictcore_attempts", "fax", "queued"] == 0
    assert found["ictcore_overdue_seconds", "sms"] == 30
    assert ("ictcore_overdue_seconds", "voice") not in found


def test_what_dispatchers_have_counted(secured: Secured) -> None:
    system = secured.system
    node = workers.node_id(system.store, "north", system.now())
    for name in ("w1", "w2"):
        worker = workers.register(system.store, node, name, system.now(), system.now() + 15)
        workers.renew(system.store, worker, system.now() + 15, "[]", '{"completed": 7, "odd": "text", "x": true}')
    found = scraped(secured)
    assert found["ictcore_dispatchers",] == 2
    assert found["ictcore_dispatcher_total", "w1", "north", "completed"] == 7
    assert ("ictcore_dispatcher_total", "w1", "north", "odd") not in found


def test_requests_by_operation_and_status(secured: Secured) -> None:
    secured.call("GET", "/contacts")
    secured.call("GET", "/no/such/thing")
    found = {key[1:]: value for key, value in scraped(secured).items() if key[0] == "ictcore_http_requests_total"}
    by_operation = {(operation, status): value for (operation, _, status), value in found.items()}
    assert by_operation["contacts.list", "401"] == 1
    assert by_operation["none", "404"] == 1


def test_what_runs_here(secured: Secured) -> None:
    assert any(key[0] == "ictcore_build_info" and "sqlite" in key for key in scraped(secured))


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        pytest.param("127.0.0.1", {}, 200, id="this machine"),
        pytest.param("127.8.8.8", {}, 200, id="this machine too"),
        pytest.param("::1", {}, 200, id="this machine by IPv6"),
        pytest.param("10.0.0.1", {}, 401, id="another machine"),
        pytest.param("", {}, 401, id="no address"),
        pytest.param("127.0.0.1", {"X-Forwarded-For": "1.2.3.4"}, 401, id="by a proxy on this machine"),
        pytest.param("127.0.0.1", {"Forwarded": "for=1.2.3.4"}, 401, id="by a newer proxy"),
        pytest.param("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401, id="who says it is this machine"),
        pytest.param("127.0.0.1", {"Authorization": "Bearer x"}, 401, id="a wrong token is wrong from anywhere"),
    ],
)
def test_who_may_read(secured: Secured, address: str, headers: dict[str, str], status: int) -> None:
    answer = secured.call("GET", "/metrics", headers=headers, extras={"REMOTE_ADDR": address})
    assert answer.status_code == status


def test_credentials_need_the_permission(secured: Secured) -> None:
    far = {"extras": {"REMOTE_ADDR": "10.0.0.1"}}
    assert secured.call("GET", "/metrics", auth=secured.token(), **far).status_code == 200
    assert secured.call("GET", "/metrics", auth=basic("admin", "wrong"), **far).status_code == 401
    assert secured.call("GET", "/metrics", auth=secured.user("bob", role=None).auth, **far).status_code == 403


def test_no_reading_walks_through_a_table(secured: Secured) -> None:
    """What is asked of the attempts is answered from an index, whatever the size of the table."""
    for condition in metrics._OPEN.values():
        plan = secured.system.store.rows(f"EXPLAIN QUERY PLAN SELECT service_flag FROM spool WHERE {condition} LIMIT 5")
        assert "INDEX spool_" in plan[0][3], plan
