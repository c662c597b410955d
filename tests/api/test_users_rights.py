"""Who sees whom, who may change whom, and what cannot be done to the last administrator."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ictcore.domain.errors import WrongState
from ictcore.domain.permission import FAMILIES
from ictcore.domain.user import Actor
from ictcore.usecases import users
from ictcore.usecases.system import System
from tests.api.secured import Secured, User


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


@pytest.fixture
def admin(secured: Secured) -> User:
    return User(secured, 1, "admin")


# -- who sees whom -----------------------------------------------------------------------------------------------------


def test_a_plain_user_sees_only_himself(secured: Secured) -> None:
    bob, eve = secured.user("bob"), secured.user("eve")
    assert bob.ok("GET", f"/users/{bob.id}")["username"] == "bob"
    bob.refused(404, "GET", f"/users/{eve.id}")
    bob.refused(404, "PUT", f"/users/{eve.id}/password", {"password": "taken over"})
    bob.refused(404, "PUT", "/users/1/password", {"password": "taken over"})
    bob.refused(403, "GET", "/users")
    bob.refused(403, "PUT", f"/users/{bob.id}", {"company": "x"})
    bob.refused(403, "DELETE", f"/users/{bob.id}")
    assert secured.token("eve")


def test_a_list_without_user_admin_has_one_row(secured: Secured) -> None:
    bob = secured.user("bob", role=None, permissions=("user_list", "user_read"))
    assert [row["username"] for row in bob.ok("GET", "/users")] == ["bob"]
    assert bob.ok("GET", "/users?username=admin") == []


@pytest.mark.parametrize("family", ["user", "usr"])
def test_both_families_of_names_are_taken(secured: Secured, family: str) -> None:
    bob = secured.user("bob", role=None, permissions=(f"{family}_list", f"{family}_admin"))
    assert len(bob.ok("GET", "/users")) == 2


def test_a_user_without_roles_may_log_in_and_do_nothing(secured: Secured) -> None:
    bob = secured.user("bob", role=None)
    for path in ("/users", f"/users/{bob.id}", "/roles", "/permissions", "/plugins", "/contacts"):
        bob.refused(403, "GET", path)


# -- who may change whom -----------------------------------------------------------------------------------------------


def helpdesk(secured: Secured) -> User:
    """May see and change users, and hand out roles; holds nothing else."""
    names = ("user", "role_update", "role_list", "permission_create", "permission_delete", "permission_list")
    return secured.user("desk", role=None, permissions=names)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("PUT", "/users/1/password", {"password": "taken over"}, id="password"),
        pytest.param("PUT", "/users/1", {"password": "taken over"}, id="password by update"),
        pytest.param("PUT", "/users/1", {"email": "desk@example.com"}, id="email"),
        pytest.param("PUT", "/users/1", {"active": 0}, id="deactivate"),
        pytest.param("DELETE", "/users/1", None, id="delete"),
        pytest.param("PUT", "/users/2/roles/1", None, id="role for himself"),
        pytest.param("DELETE", "/users/1/roles/1", None, id="role from admin"),
        pytest.param("GET", "/users/1/roles/1", None, id="role from admin by GET"),
        pytest.param("PUT", "/roles/1", {"name": "x"}, id="change a larger role"),
    ],
)
def test_nobody_rises_above_himself(secured: Secured, method: str, path: str, body: Any) -> None:
    desk = helpdesk(secured)
    assert "exceeds your own" in desk.refused(403, method, path, body)["message"]
    assert secured.token()


def test_nobody_gives_away_what_he_does_not_hold(secured: Secured) -> None:
    desk = helpdesk(secured)
    bob = secured.user("bob", role=None)
    wanted = secured.id_of("permission", "provider_create")
    desk.refused(403, "PUT", f"/users/{bob.id}/permissions/{wanted}")
    desk.refused(403, "PUT", f"/users/{desk.id}/permissions/{wanted}")
    desk.refused(403, "PUT", f"/users/{bob.id}/permissions/{secured.id_of('permission', 'role')}")
    desk.ok("PUT", f"/users/{bob.id}/permissions/{secured.id_of('permission', 'user_read')}")
    assert [row["name"] for row in desk.ok("GET", f"/users/{bob.id}/permissions")] == ["user_read"]
    assert bob.ok("GET", f"/users/{bob.id}")["username"] == "bob"


def test_he_may_change_those_who_hold_less(secured: Secured) -> None:
    desk = helpdesk(secured)
    bob = secured.user("bob", role=None, permissions=("user_read",))
    desk.ok("PUT", f"/users/{bob.id}/password", {"password": "forgotten one"})
    assert secured.token("bob", "forgotten one")
    desk.ok("DELETE", f"/users/{bob.id}")


# -- the last administrator --------------------------------------------------------------------------------------------

LAST = [
    pytest.param("DELETE", "/users/1", None, id="delete"),
    pytest.param("PUT", "/users/1", {"active": 0}, id="deactivate"),
    pytest.param("DELETE", "/users/1/roles/1", None, id="take his role"),
    pytest.param("DELETE", "/roles/1", None, id="delete the role"),
    pytest.param("DELETE", "/roles/1/permissions/{user}", None, id="empty the role"),
]


@pytest.mark.both_engines
@pytest.mark.parametrize(("method", "path", "body"), LAST)
def test_the_last_administrator_stays(secured: Secured, admin: User, method: str, path: str, body: Any) -> None:
    path = path.format(user=secured.id_of("permission", "user"))
    idle = secured.user("idle", role="admin")  # one who is not active does not count
    admin.ok("PUT", f"/users/{idle.id}", {"active": 0})
    before = admin.ok("GET", "/users/1")
    admin.refused(423, method, path, body)
    assert admin.ok("GET", "/users/1") == before
    assert "admin" in [role["name"] for role in admin.ok("GET", "/users/1/roles")]
    assert "user" in admin.ok("GET", "/roles/1")["permissions"]


@pytest.mark.parametrize(("method", "path", "body"), LAST[:3])
def test_with_a_second_one_the_first_may_go(secured: Secured, admin: User, method: str, path: str, body: Any) -> None:
    second = secured.user("second", role="admin")
    secured.system.store.run("INSERT INTO user_role SELECT ?, id FROM role WHERE name = 'user'", (second.id,))
    with secured.system.store.transaction():
        secured.system.store.run("UPDATE identity_version SET version = version + 1")
    second.ok(method, path, body)


@pytest.mark.both_engines
def test_two_administrators_cannot_remove_each_other_at_once(secured: Secured) -> None:
    second = secured.user("second", role="admin")
    store = secured.system.store
    with store.transaction():
        store.run("INSERT INTO user_role SELECT ?, id FROM role WHERE name = 'user'", (second.id,))
    everything = frozenset(FAMILIES)
    barrier = threading.Barrier(2)

    def deactivate(own: int, other: int) -> str:
        barrier.wait()
        try:
            users.update(secured.system, Actor(own, "x", everything), other, {"active": 0})
        except WrongState:
            return "refused"
        finally:
            store.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(deactivate, (1, second.id), (second.id, 1))) == ["done", "refused"]
    assert store.value("SELECT count(*) FROM usr WHERE active = 1") == 1
