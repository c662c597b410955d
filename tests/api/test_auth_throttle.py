"""Failed logins are counted, and slowed down."""

from __future__ import annotations

from typing import Any

import pytest

from ictcore.usecases.system import System
from tests.api.secured import PASSWORD, Secured, basic


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


@pytest.fixture
def strict(system: System) -> Secured:
    return Secured(system, {"security.login_failures": 3, "security.login_failures_address": 5})


def fail(secured: Secured, username: str, address: str = "10.0.0.1", password: str = "no") -> Any:
    return secured.call(
        "POST", "/authenticate", {"username": username, "password": password}, extras={"REMOTE_ADDR": address}
    )


@pytest.mark.both_engines
def test_too_many_failures_of_a_name(strict: Secured, clock: Any) -> None:
    for number in range(3):
        assert "Retry-After" not in fail(strict, "admin", f"10.0.0.{number}").headers
    clock.forward(100)
    refused = fail(strict, "admin", "10.0.0.9", PASSWORD)
    assert (refused.status_code, refused.headers["Retry-After"]) == (401, "200")
    assert refused.json["error"]["type"] == "too_many_attempts"
    process = strict.another_process()
    assert fail(process, "admin", "10.0.0.8", PASSWORD).status_code == 401
    clock.forward(201)
    assert fail(strict, "admin", "10.0.0.9", PASSWORD).status_code == 200


def test_too_many_failures_from_an_address(strict: Secured) -> None:
    for number in range(5):
        fail(strict, f"user{number}")
    assert fail(strict, "admin", password=PASSWORD).headers["Retry-After"] == "300"
    assert fail(strict, "admin", "10.0.0.2", PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        pytest.param("2001:db8::1", "2001:db8::ffff:1", True, id="one network of IPv6"),
        pytest.param("2001:db8::1", "2001:db8:0:1::1", False, id="two networks of IPv6"),
        pytest.param("::ffff:10.0.0.1", "10.0.0.1", True, id="IPv4 in IPv6"),
        pytest.param("::ffff:10.0.0.1", "::ffff:10.0.0.2", False, id="two of them"),
    ],
)
def test_what_counts_as_one_address(strict: Secured, first: str, second: str, same: bool) -> None:
    for number in range(5):
        fail(strict, f"user{number}", first)
    assert fail(strict, "admin", second, PASSWORD).status_code == (401 if same else 200)


def test_basic_is_throttled_with_the_same_count(strict: Secured) -> None:
    for number in range(3):
        strict.call("GET", "/users", auth=basic("admin", f"guess {number}"))
    assert "Retry-After" in strict.call("GET", "/users", auth=basic("admin", PASSWORD)).headers


def test_a_token_still_works_while_its_user_is_throttled(strict: Secured) -> None:
    token = strict.token()
    for _ in range(4):
        fail(strict, "admin")
    assert strict.call("GET", "/users", auth=token).status_code == 200


def test_success_forgets_the_failures(strict: Secured) -> None:
    for _ in range(4):
        fail(strict, "admin")
        fail(strict, "admin", "10.0.0.2")
        assert fail(strict, "admin", "10.0.0.3", PASSWORD).status_code == 200


def test_refused_attempts_do_not_lengthen_the_wait(strict: Secured) -> None:
    for _ in range(10):
        fail(strict, "admin")
    assert strict.system.store.value("SELECT max(failures) FROM login_throttle") == 3


def test_names_that_were_tried_are_not_stored(strict: Secured) -> None:
    fail(strict, "my-password-typed-as-name")
    keys = [key for (key,) in strict.system.store.rows("SELECT key FROM login_throttle")]
    assert not any("my-password" in key for key in keys)


def test_the_client_behind_a_trusted_proxy_is_counted(system: System) -> None:
    secured = Secured(system, {"security.login_failures_address": 2, "http.trusted_proxies": ["10.0.0.1"]})

    def attempt(client: str, proxy: str = "10.0.0.1", password: str = "no") -> Any:
        body = {"username": "admin" if password == PASSWORD else client, "password": password}
        headers = {"X-Forwarded-For": f"1.1.1.1, {client}"}
        return secured.call("POST", "/authenticate", body, headers=headers, extras={"REMOTE_ADDR": proxy})

    for _ in range(2):
        attempt("9.9.9.9")
    assert attempt("9.9.9.9", password=PASSWORD).status_code == 401
    assert attempt("9.9.9.8", password=PASSWORD).status_code == 200
    for _ in range(2):  # who is no proxy is not believed
        attempt("8.8.8.8", "10.0.0.7")
    assert attempt("7.7.7.7", "10.0.0.7", PASSWORD).status_code == 401
