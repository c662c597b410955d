"""Basic credentials, and what browsers are asked for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ictcore.api.auth import Authenticator
from ictcore.runtime import core_settings
from ictcore.testing import StaticSettings
from ictcore.usecases.login import Login
from ictcore.usecases.system import System
from tests.api.secured import CHEAP, PASSWORD, Secured, basic


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


# -- Basic -------------------------------------------------------------------------------------------------------------


def test_basic_with_colons_and_unicode(secured: Secured) -> None:
    admin = secured.token()
    for number, password in enumerate(("with:colons::", "Grüße an alle", "  spaces  ")):
        secured.ok("POST", "/users", {"username": f"u{number}", "password": password}, auth=admin)
        assert secured.call("GET", f"/users/{number + 2}", auth=basic(f"u{number}", password)).status_code == 200
        assert secured.call("GET", f"/users/{number + 2}", auth=basic(f"u{number}", password[:-1])).status_code == 401


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic YWRtaW4=", "Basic \x80", "basic Og==", "BASIC ////"])
def test_broken_basic_is_401(secured: Secured, value: str) -> None:
    assert secured.call("GET", "/users", headers={"Authorization": value}).status_code == 401


def test_a_right_basic_login_is_remembered_and_forgotten_with_every_change(secured: Secured, clock: Any) -> None:
    login = secured.system.part(Login)
    calls: list[str] = []
    verify = login.passwords.verify
    login.passwords.verify = lambda stored, password: calls.append(password) or verify(stored, password)  # type: ignore[method-assign,func-returns-value]
    header = basic("admin", PASSWORD)
    for _ in range(3):
        assert secured.call("GET", "/users", auth=header).status_code == 200
    assert len(calls) == 1
    clock.forward(61)
    assert secured.call("GET", "/users", auth=header).status_code == 200
    assert len(calls) == 2
    secured.ok("PUT", "/users/1/password", {"password": "a new password"}, auth=header)
    assert secured.call("GET", "/users", auth=header).status_code == 401
    assert secured.call("GET", "/users", auth=basic("admin", "a new password")).status_code == 200


def test_passwords_are_not_kept_in_memory(secured: Secured) -> None:
    header = basic("admin", PASSWORD)
    assert secured.call("GET", "/users", auth=header).status_code == 200
    known = secured.system.part(Authenticator)._known
    assert len(known) == 1
    assert header not in known


def test_many_connections_with_one_password_cost_one_check(secured: Secured) -> None:
    login, authenticator = secured.system.part(Login), secured.system.part(Authenticator)
    calls: list[str] = []
    verify = login.passwords.verify
    login.passwords.verify = lambda stored, password: calls.append(password) or verify(stored, password)  # type: ignore[method-assign,func-returns-value]
    barrier = threading.Barrier(8)

    def ask(_: int) -> str:
        barrier.wait()
        return authenticator(basic("admin", PASSWORD), "10.0.0.1").username

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"admin"}
    assert len(calls) == 1


def test_an_old_hash_is_renewed_at_login(secured: Secured) -> None:
    store = secured.system.store
    before = store.value("SELECT password_hash FROM usr WHERE id = 1")
    secured.system.settings = StaticSettings(core_settings(), {**CHEAP, "security.argon2_time": 2})
    process = secured.another_process()
    process.token()
    after = store.value("SELECT password_hash FROM usr WHERE id = 1")
    assert before != after
    assert "t=2" in after
    process.token()
    assert store.value("SELECT password_hash FROM usr WHERE id = 1") == after


# -- the challenge -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "basic_too"),
    [
        pytest.param({}, True, id="program"),
        pytest.param({"User-Agent": "curl/8.0"}, True, id="curl"),
        pytest.param({"User-Agent": "Mozilla/5.0 (X11)"}, False, id="browser"),
        pytest.param({"Sec-Fetch-Mode": "cors"}, False, id="browser that says so"),
    ],
)
def test_browsers_are_not_asked_for_basic(secured: Secured, headers: dict[str, str], basic_too: bool) -> None:
    challenge = secured.call("GET", "/users", headers=headers).headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer")
    assert ("Basic" in challenge) is basic_too
