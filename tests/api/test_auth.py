"""Logging in: tokens, Basic, revocation, throttling."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from falcon import testing

from ictcore.api.auth import Authenticator
from ictcore.domain.errors import BadCredentials, StoreUnavailable
from ictcore.settings import CORE
from ictcore.testing import StaticSettings
from ictcore.usecases.login import Login
from ictcore.usecases.system import System
from ictcore.usecases.tokens import KeyRing
from tests.api.secured import CHEAP, PASSWORD, Secured, basic


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


def claims_of(bearer: str) -> dict[str, Any]:
    """The payload, decoded as a front-end does: without checking it."""
    payload = bearer.split()[1].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


# -- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.both_engines
def test_a_token_opens_what_its_user_may_see(secured: Secured) -> None:
    answer = secured.call("POST", "/authenticate", {"username": "admin", "password": PASSWORD})
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 12 * 3600
    assert secured.ok("GET", "/users/1", auth=f"Bearer {answer.json['token']}")["username"] == "admin"


def test_the_claims_are_those_that_front_ends_read(secured: Secured) -> None:
    claims = claims_of(secured.token())
    assert {"iss", "iat", "nbf", "exp", "jti", "user_id", "username", "is_admin"} <= set(claims)
    assert (claims["user_id"], claims["username"], claims["is_admin"]) == ("1", "admin", "1")
    assert claims["exp"] - claims["iat"] == 12 * 3600
    assert claims_of(secured.user("bob").auth)["is_admin"] == "0"


@pytest.mark.parametrize("name", ["Authorization", "Authentication", "authentication"])
@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}", " Bearer  {} "])
def test_both_header_names_and_extra_spaces_are_taken(secured: Secured, name: str, form: str) -> None:
    token = secured.token().split()[1]
    assert secured.call("GET", "/users", headers={name: form.format(token)}).status_code == 200


def test_login_by_email(secured: Secured) -> None:
    secured.user("bob")
    secured.ok("PUT", "/users/2", {"email": "bob@example.com"}, auth=secured.token())
    answer = secured.call("POST", "/authenticate", {"email": "bob@example.com", "password": PASSWORD})
    assert answer.json["user_id"] == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param({"username": "admin", "password": "wrong"}, 401, None, id="wrong password"),
        pytest.param({"username": "nobody", "password": PASSWORD}, 401, None, id="unknown user"),
        pytest.param({"username": "Admin", "password": PASSWORD}, 401, None, id="other case"),
        pytest.param({"username": "admin", "password": ""}, 401, None, id="empty password"),
        pytest.param({"username": "admin", "password": "x" * 1024}, 401, None, id="longest password"),
        pytest.param({"username": "admin", "password": "x" * 1025}, 412, "password", id="too long"),
        pytest.param({"username": "admin"}, 412, "password", id="no password"),
        pytest.param({"password": PASSWORD}, 412, "username", id="no name"),
        pytest.param({"user_id": 1, "password": PASSWORD}, 412, "username", id="an id is no name"),
        pytest.param({"username": "admin", "hash": "x", "password": 7}, 412, "password", id="wrong type"),
        pytest.param({"username": "a\x00b", "password": PASSWORD}, 412, "username", id="NUL"),
        pytest.param({"username": "' OR 1=1 --", "password": PASSWORD}, 401, None, id="SQL"),
    ],
)
def test_bad_logins_are_refused(secured: Secured, body: Any, status: int, field: str | None) -> None:
    answer = secured.call("POST", "/authenticate", body)
    assert answer.status_code == status
    if field:
        assert list(answer.json["error"]["fields"]) == [field]
    if status == 401:
        assert "WWW-Authenticate" in answer.headers


def test_wrong_and_unknown_look_the_same(secured: Secured) -> None:
    wrong = secured.call("POST", "/authenticate", {"username": "admin", "password": "no"})
    unknown = secured.call("POST", "/authenticate", {"username": "who", "password": "no"})
    assert wrong.json == unknown.json


def test_an_unknown_user_costs_a_hash_too(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    login = secured.system.part(Login)
    checked: list[str] = []
    verify = login.passwords._hasher.verify
    monkeypatch.setattr(
        login.passwords, "_hasher", type("Spy", (), {"verify": lambda self, h, p: checked.append(h) or verify(h, p)})()
    )
    for name in ("who", "admin"):
        with pytest.raises(BadCredentials):
            login.by_password(name, "no", "")
    assert len(checked) == 2
    assert all(stored.startswith("$argon2id$") for stored in checked)


def _signed(secured: Secured, changes: dict[str, Any], *, key: bytes | None = None, header: Any = None) -> str:
    kid, real = KeyRing(secured.system.home / "keys").current()
    claims = {name: value for name, value in {**claims_of(secured.token()), **changes}.items() if value is not None}
    return "Bearer " + jwt.encode(claims, key or real, algorithm="HS256", headers={"kid": kid, **(header or {})})


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda s: _signed(s, {}, key=b"x" * 32), id="another key"),
        pytest.param(lambda s: _signed(s, {}, header={"kid": "000000000000-00000000"}), id="unknown kid"),
        pytest.param(lambda s: _signed(s, {}, header={"kid": "../../etc/passwd"}), id="kid is a path"),
        pytest.param(lambda s: _signed(s, {}, header={"kid": ""}), id="no kid"),
        pytest.param(lambda s: _signed(s, {"exp": 1}), id="expired"),
        pytest.param(lambda s: _signed(s, {"nbf": 2**40}), id="not valid yet"),
        pytest.param(lambda s: _signed(s, {"exp": None}), id="no exp"),
        pytest.param(lambda s: _signed(s, {"jti": None}), id="no jti"),
        pytest.param(lambda s: _signed(s, {"iss": "somebody"}), id="another issuer"),
        pytest.param(lambda s: _signed(s, {"user_id": "77"}), id="no such user"),
        pytest.param(lambda s: _signed(s, {"user_id": "x"}), id="user is no number"),
        pytest.param(lambda s: _signed(s, {"gen": 1.0}), id="another generation"),
        pytest.param(lambda s: s.token()[:-4] + "AAAA", id="cut"),
        pytest.param(
            lambda s: "Bearer " + jwt.encode(claims_of(s.token()), None, algorithm="none"),
            id="algorithm none",  # type: ignore[arg-type]
        ),
        pytest.param(lambda s: "Bearer", id="no token"),
        pytest.param(lambda s: "Bearer a.b.c", id="nonsense"),
        pytest.param(lambda s: "Bearer " + "a" * 5000, id="long nonsense"),
        pytest.param(lambda s: "Digest abc", id="another scheme"),
        pytest.param(lambda s: "", id="no header"),
        pytest.param(lambda s: "   ", id="blank"),
    ],
)
def test_forged_tokens_are_refused(secured: Secured, forge: Any) -> None:
    answer = secured.call("GET", "/users", headers={"Authorization": forge(secured)})
    assert (answer.status_code, answer.json["error"]["type"]) == (401, "bad_credentials")


def test_a_well_formed_token_of_ours_passes_the_same_way(secured: Secured) -> None:
    assert secured.call("GET", "/users", auth=_signed(secured, {})).status_code == 200


def test_a_token_expires(secured: Secured, clock: Any) -> None:
    token = secured.token()
    clock.forward(12 * 3600 - 1)
    assert secured.call("GET", "/users", auth=token).status_code == 200
    clock.forward(1)
    assert secured.call("GET", "/users", auth=token).status_code == 401


@pytest.mark.both_engines
def test_a_cancelled_token_is_refused_by_every_process(secured: Secured) -> None:
    mine, other = secured.token(), secured.token()
    process = secured.another_process()
    assert process.call("GET", "/users", auth=mine).status_code == 200
    assert secured.ok("POST", "/authenticate/cancel", auth=mine) is True
    for where in (secured, process):
        assert where.call("GET", "/users", auth=mine).status_code == 401
        assert where.call("GET", "/users", auth=other).status_code == 200
    assert secured.call("POST", "/authenticate/cancel", auth=mine).status_code == 401


def test_there_is_no_token_to_cancel_with_basic(secured: Secured) -> None:
    assert secured.call("POST", "/authenticate/cancel", auth=basic("admin", PASSWORD)).status_code == 412
    assert secured.call("POST", "/authenticate/cancel").status_code == 401


def test_expired_revocations_are_forgotten(secured: Secured, clock: Any) -> None:
    secured.ok("POST", "/authenticate/cancel", auth=secured.token())
    clock.forward(12 * 3600 + 1)
    secured.ok("POST", "/authenticate/cancel", auth=secured.token())
    assert secured.system.store.value("SELECT count(*) FROM revoked_token") == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("PUT", "/users/2/password", {"password": "another one"}), id="password"),
        pytest.param(("PUT", "/users/2", {"passwd": "another one"}), id="password by update"),
        pytest.param(("PUT", "/users/2", {"active": 0}), id="deactivation"),
        pytest.param(("DELETE", "/users/2", None), id="deletion"),
    ],
)
def test_what_revokes_all_tokens(secured: Secured, change: Any) -> None:
    bob = secured.user("bob")
    process = secured.another_process()
    assert process.call("GET", "/users/2", auth=bob.auth).status_code == 200
    secured.ok(*change, auth=secured.token())
    assert process.call("GET", "/users/2", auth=bob.auth).status_code == 401
    assert secured.call("GET", "/users/2", auth=bob.auth).status_code == 401


def test_a_new_token_works_at_once_after_a_new_password(secured: Secured) -> None:
    """The clock stands still: the old and the new token are of the same second."""
    bob = secured.user("bob")
    bob.ok("PUT", "/users/2/password", {"password": "another one"})
    assert bob.call("GET", "/users/2").status_code == 401
    assert secured.call("GET", "/users/2", auth=secured.token("bob", "another one")).status_code == 200


def test_a_role_works_at_once_without_a_new_token(secured: Secured) -> None:
    bob = secured.user("bob")
    process = secured.another_process()
    assert process.call("GET", "/users", auth=bob.auth).status_code == 403
    secured.ok("PUT", f"/users/2/roles/{secured.id_of('role', 'admin')}", auth=secured.token())
    assert process.call("GET", "/users", auth=bob.auth).status_code == 200


def test_an_inactive_user_gets_no_token(secured: Secured) -> None:
    secured.user("bob")
    secured.ok("PUT", "/users/2", {"active": 0}, auth=secured.token())
    assert secured.call("POST", "/authenticate", {"username": "bob", "password": PASSWORD}).status_code == 401
    assert secured.call("GET", "/users/2", auth=basic("bob", PASSWORD)).status_code == 401


# -- keys -------------------------------------------------------------------------------------------------------------


def test_old_keys_verify_after_a_rotation_and_new_ones_sign(secured: Secured) -> None:
    process = secured.another_process()
    old = secured.token()
    assert process.call("GET", "/users", auth=old).status_code == 200
    kid = KeyRing(secured.system.home / "keys").rotate()
    new = secured.token()
    assert jwt.get_unverified_header(new.split()[1])["kid"] == kid
    for token in (old, new):
        assert process.call("GET", "/users", auth=token).status_code == 200


def test_dropped_keys_no_longer_verify(secured: Secured) -> None:
    old = secured.token()
    ring = KeyRing(secured.system.home / "keys")
    before = ring.current()[0]
    ring.rotate()
    assert ring.drop() == [before]
    assert secured.another_process().call("GET", "/users", auth=old).status_code == 401


def test_keys_are_kept_while_their_tokens_may_live(secured: Secured) -> None:
    secured.token()
    ring = KeyRing(secured.system.home / "keys")
    ring.rotate()
    made = int(ring.current()[0].split("-")[0], 16)
    assert ring.drop(older_than=made) == []
    assert len(ring.drop(older_than=made + 1)) == 1


def test_key_files_are_for_their_owner_only(secured: Secured) -> None:
    secured.token()
    folder = secured.system.home / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]
    assert "secret" not in repr(KeyRing(folder))


def test_two_processes_may_make_the_first_key_at_once(system: System) -> None:
    rings = [KeyRing(system.home / "keys") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        kids = [kid for kid, _ in pool.map(lambda ring: ring.current(), rings)]
    assert all(rings[0].get(kid) is not None for kid in kids)


# -- Basic ------------------------------------------------------------------------------------------------------------


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
    secured.system.settings = StaticSettings(CORE, {**CHEAP, "security.argon2_time": 2})
    process = secured.another_process()
    process.token()
    after = store.value("SELECT password_hash FROM usr WHERE id = 1")
    assert before != after
    assert "t=2" in after
    process.token()
    assert store.value("SELECT password_hash FROM usr WHERE id = 1") == after


# -- throttling -------------------------------------------------------------------------------------------------------


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


# -- faults -----------------------------------------------------------------------------------------------------------


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
