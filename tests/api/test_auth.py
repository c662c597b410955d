"""Tokens: what they open, what revokes them, and the keys that sign them."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

from ictcore.domain.errors import BadCredentials
from ictcore.usecases.login import Login
from ictcore.usecases.system import System
from ictcore.usecases.tokens import KeyRing
from tests.api.secured import PASSWORD, Secured, basic


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


def claims_of(bearer: str) -> dict[str, Any]:
    """The payload, decoded as a front-end does: without checking it."""
    payload = bearer.split()[1].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


# -- tokens ------------------------------------------------------------------------------------------------------------


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


# -- keys --------------------------------------------------------------------------------------------------------------


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
