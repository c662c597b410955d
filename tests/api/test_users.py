"""Users: what is stored, shown, refused, deleted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ictcore.domain.user import Actor
from ictcore.usecases import users
from ictcore.usecases.login import Login
from ictcore.usecases.system import System
from tests.api.secured import PASSWORD, Secured, User


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


@pytest.fixture
def admin(secured: Secured) -> User:
    return User(secured, 1, "admin")


FULL = {
    "username": "zoë", "passwd": "long enough", "first_name": "Zoë", "last_name": "O'Neill", "phone": "03001234567",
    "email": "zoe@example.com", "address": 'x"; DROP TABLE usr; --', "company": "<b>A&B</b>", "country_id": 1,
    "language_id": "en", "timezone_id": 2, "active": 1,
}  # fmt: skip


@pytest.mark.both_engines
def test_what_is_stored_comes_back_without_the_password(admin: User) -> None:
    user_id = admin.ok("POST", "/users", FULL)["user_id"]
    shown = admin.ok("GET", f"/users/{user_id}")
    assert {name: shown[name] for name in FULL if name != "passwd"} == {n: v for n, v in FULL.items() if n != "passwd"}
    assert shown["owner_id"] == 1
    for text in (msgspec.json.encode(shown), msgspec.json.encode(admin.ok("GET", "/users"))):
        assert b"pass" not in text
        assert b"argon2" not in text


@pytest.mark.parametrize("name", ["password", "passwd"])
def test_both_names_of_the_password_are_hashed(secured: Secured, admin: User, name: str) -> None:
    admin.ok("POST", "/users", {"username": "bob", name: "long enough"})
    assert secured.token("bob", "long enough")
    stored = secured.system.store.value("SELECT password_hash FROM usr WHERE username = 'bob'")
    assert stored.startswith("$argon2id$")


def test_a_new_user_has_the_default_role_and_an_account(secured: Secured, admin: User) -> None:
    user_id = admin.ok("POST", "/users", FULL)["user_id"]
    assert [role["name"] for role in admin.ok("GET", f"/users/{user_id}/roles")] == ["user"]
    row = secured.system.store.row(
        "SELECT type, username, first_name, phone, email, passwd, passwd_pin FROM account WHERE created_by = ?",
        (user_id,),
    )
    assert row is not None
    assert row[:5] == ("account", "zoë", "Zoë", "03001234567", "zoe@example.com")
    assert row[5] not in ("", "long enough")
    assert len(row[5]) >= 20
    assert row[6].isdigit()


def test_a_new_email_and_phone_reach_the_account(secured: Secured, admin: User) -> None:
    user_id = admin.ok("POST", "/users", FULL)["user_id"]
    admin.ok("PUT", f"/users/{user_id}", {"phone": 4711, "email": None})
    sql = "SELECT phone, email FROM account WHERE created_by = ?"
    assert secured.system.store.row(sql, (user_id,)) == ("4711", "")


def test_an_account_of_that_name_does_not_stop_a_user(secured: Secured, admin: User) -> None:
    admin.ok("POST", "/accounts", {"type": "account", "username": "bob"})
    user_id = admin.ok("POST", "/users", {"username": "bob"})["user_id"]
    sql = "SELECT username FROM account WHERE created_by = ?"
    assert secured.system.store.value(sql, (user_id,)) == f"bob-{user_id}"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        pytest.param({}, 412, "username", id="nothing"),
        pytest.param({"username": ""}, 412, "username", id="empty name"),
        pytest.param({"username": "a:b"}, 412, "username", id="colon"),
        pytest.param({"username": "a\nb"}, 412, "username", id="line feed"),
        pytest.param({"username": "a" * 129}, 412, "username", id="long name"),
        pytest.param({"username": None}, 412, "username", id="null name"),
        pytest.param({"username": "x", "password": "short"}, 412, "password", id="short password"),
        pytest.param({"username": "x", "passwd": "short"}, 412, "password", id="short passwd"),
        pytest.param({"username": "x", "password": 12345678}, 412, "password", id="password is a number"),
        pytest.param({"username": "x", "password": "a" * 8, "passwd": "b" * 8}, 412, "passwd", id="two passwords"),
        pytest.param({"username": "x", "active": 2}, 412, "active", id="active is no flag"),
        pytest.param({"username": "x", "country_id": "one"}, 412, "country_id", id="country is no number"),
        pytest.param({"username": "x", "country_id": 2**63}, 412, "country_id", id="country is too large"),
        pytest.param({"username": "x", "email": "a" * 255}, 412, "email", id="long email"),
        pytest.param({"username": "admin"}, 417, "username", id="taken name"),
        pytest.param({"username": "y", "email": "taken@example.com"}, 417, "email", id="taken email"),
        pytest.param({"username": "taken@example.com"}, 417, "username", id="name is somebody's email"),
        pytest.param({"username": "y", "email": "admin"}, 417, "email", id="email is somebody's name"),
    ],
)
def test_bad_users_are_refused_and_leave_nothing(
    secured: Secured, admin: User, body: Any, status: int, says: str
) -> None:
    admin.ok("POST", "/users", {"username": "taken", "email": "taken@example.com"})
    count = "SELECT (SELECT count(*) FROM usr), (SELECT count(*) FROM account), (SELECT count(*) FROM user_role)"
    before = secured.system.store.row(count)
    error = admin.refused(status, "POST", "/users", body)
    assert says in (error["fields"] if status == 412 else error["message"])
    assert secured.system.store.row(count) == before


def test_an_update_to_a_taken_name_is_refused(admin: User) -> None:
    user_id = admin.ok("POST", "/users", {"username": "bob"})["user_id"]
    admin.refused(417, "PUT", f"/users/{user_id}", {"username": "admin"})
    assert admin.ok("PUT", f"/users/{user_id}", {"username": "bob"})["username"] == "bob"


def test_many_users_may_have_no_email(admin: User) -> None:
    for name in ("a", "b"):
        admin.ok("POST", "/users", {"username": name, "email": ""})


def test_only_named_fields_change(admin: User) -> None:
    user_id = admin.ok("POST", "/users", FULL)["user_id"]
    before = admin.ok("GET", f"/users/{user_id}")
    after = admin.ok("PUT", f"/users/{user_id}", {"company": "B"})
    assert {**before, "company": "B", "last_updated": after["last_updated"]} == after
    assert admin.ok("PUT", f"/users/{user_id}", {}) == after


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param("?username=bob", ["bob"], id="name"),
        pytest.param("?username=b*", ["bob"], id="prefix"),
        pytest.param("?active=1&sort=-username", ["bob", "admin"], id="sorted"),
        pytest.param("?user_id=1", ["admin"], id="id"),
        pytest.param("?owner_id=1", ["bob"], id="owner"),
        pytest.param("?limit=1&offset=1", ["bob"], id="page"),
    ],
)
def test_lists(admin: User, query: str, names: list[str]) -> None:
    admin.ok("POST", "/users", {"username": "bob"})
    assert [row["username"] for row in admin.ok("GET", f"/users{query}")] == names


def test_passwords_cannot_be_searched(admin: User) -> None:
    for name in ("password", "passwd", "password_hash", "tokens_from"):
        assert name in admin.refused(412, "GET", f"/users?{name}=x")["fields"]


# -- deleting ----------------------------------------------------------------------------------------------------------


def test_a_user_without_data_goes_with_his_account(secured: Secured, admin: User) -> None:
    user_id = admin.ok("POST", "/users", FULL)["user_id"]
    assert admin.ok("DELETE", f"/users/{user_id}") is True
    admin.refused(404, "GET", f"/users/{user_id}")
    store = secured.system.store
    assert store.value("SELECT count(*) FROM account WHERE created_by = ?", (user_id,)) == 0
    assert store.value("SELECT count(*) FROM user_role WHERE user_id = ?", (user_id,)) == 0
    admin.refused(404, "DELETE", f"/users/{user_id}")


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        pytest.param("/contacts", {"phone": "1"}, "contacts", id="contact"),
        pytest.param("/groups", {"name": "g"}, "groups", id="group"),
        pytest.param("/messages/texts", {"name": "t", "data": "d"}, "texts", id="text"),
        pytest.param("/programs/sendsms", {"message": "m"}, "programs", id="program"),
        pytest.param("/send/sms", {"to": "123", "text": "t"}, "transmissions", id="transmission"),
    ],
)
def test_a_user_with_data_is_kept(secured: Secured, admin: User, path: str, body: Any, says: str) -> None:
    bob = secured.user("bob")
    bob.ok("POST", path, body)
    error = admin.refused(423, "DELETE", f"/users/{bob.id}")
    assert says in error["message"]
    assert "deactivate" in error["message"]
    assert bob.ok("GET", f"/users/{bob.id}")
    assert secured.system.store.value("SELECT count(*) FROM account WHERE created_by = ?", (bob.id,)) == 1


# -- paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["0", "99", "x", "-1", "1.0", "1e0", "٣", "9" * 18, "9" * 30, "1;drop", "%00"])
def test_what_is_no_user_is_404(admin: User, part: str) -> None:
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/roles"),
        ("PUT", "/roles/1"),
        ("PUT", "/permissions/1"),
    ):
        admin.refused(404, method, f"/users/{part}{path}")


@pytest.mark.parametrize("path", ["/users/1/roles/99", "/users/1/permissions/999", "/users/99/roles/1"])
def test_unknown_roles_and_permissions_are_404(admin: User, path: str) -> None:
    for method in ("PUT", "DELETE", "GET"):
        admin.refused(404, method, path)


def test_giving_twice_and_taking_twice(secured: Secured, admin: User) -> None:
    bob = secured.user("bob")
    path = f"/users/{bob.id}/roles/1"
    assert admin.ok("PUT", path) == admin.ok("PUT", path)
    assert admin.ok("GET", path) is True
    admin.refused(404, "DELETE", path)


@pytest.mark.parametrize(
    "body", [{}, {"password": ""}, {"password": None}, {"password": "short"}, {"passwd": "long enough"}]
)
def test_a_new_password_must_be_one(admin: User, body: Any) -> None:
    assert "password" in admin.refused(412, "PUT", "/users/1/password", body)["fields"]


def test_the_password_is_hashed_before_the_database_is_locked(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash takes long; nobody could write meanwhile."""
    seen: list[bool] = []
    passwords = secured.system.part(Login).passwords
    make = passwords.hash
    monkeypatch.setattr(passwords, "hash", lambda text: seen.append(secured.system.store.in_transaction) or make(text))
    root = Actor(1, "admin", frozenset({"user"}))
    users.set_password(secured.system, Actor(1, "admin", frozenset({"user_password"})), 1, PASSWORD)
    users.create(secured.system, root, {"username": "bob"}, PASSWORD)
    assert seen == [False, False]
