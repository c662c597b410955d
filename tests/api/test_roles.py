"""Roles and what they grant."""

from __future__ import annotations

from typing import Any

import pytest

from ictcore.domain.permission import ADMIN_ROLE, USER_ROLE
from ictcore.usecases.system import System
from tests.api.secured import Secured, User


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


@pytest.fixture
def admin(secured: Secured) -> User:
    return User(secured, 1, "admin")


def test_the_seeded_roles(admin: User) -> None:
    rows = admin.ok("GET", "/roles")
    assert [(row["role_id"], row["name"]) for row in rows] == [(1, "admin"), (2, "user")]
    assert admin.ok("GET", "/roles/1")["permissions"] == sorted(ADMIN_ROLE)
    assert admin.ok("GET", "/roles/2")["permissions"] == sorted(USER_ROLE)


@pytest.mark.both_engines
def test_a_role_from_its_making_to_its_end(secured: Secured, admin: User) -> None:
    role_id = admin.ok("POST", "/roles", {"name": "watcher", "description": "looks"})["role_id"]
    assert admin.ok("GET", f"/roles/{role_id}") == {
        "role_id": role_id, "name": "watcher", "description": "looks", "permissions": [],
    }  # fmt: skip
    bob = secured.user("bob", role=None)
    bob.refused(403, "GET", "/plugins")
    permission = secured.id_of("permission", "configuration_read")
    granted = admin.ok("PUT", f"/roles/{role_id}/permissions/{permission}")
    assert granted["permissions"] == ["configuration_read"]
    assert admin.ok("PUT", f"/roles/{role_id}/permissions/{permission}") == granted
    admin.ok("PUT", f"/users/{bob.id}/roles/{role_id}")
    bob.ok("GET", "/plugins")
    assert admin.ok("PUT", f"/roles/{role_id}", {"name": "guard"})["name"] == "guard"
    assert admin.ok("GET", f"/roles/{role_id}/permissions/{permission}") is True
    bob.refused(403, "GET", "/plugins")
    admin.ok("PUT", f"/roles/{role_id}/permissions/{permission}")
    bob.ok("GET", "/plugins")
    assert admin.ok("DELETE", f"/roles/{role_id}") is True
    bob.refused(403, "GET", "/plugins")
    admin.refused(404, "GET", f"/roles/{role_id}")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        pytest.param("POST", "/roles", {}, 412, "name", id="no name"),
        pytest.param("POST", "/roles", {"name": ""}, 412, "name", id="empty name"),
        pytest.param("POST", "/roles", {"name": 5}, 412, "name", id="number"),
        pytest.param("POST", "/roles", {"name": "a\x00"}, 412, "name", id="NUL"),
        pytest.param("POST", "/roles", {"name": "admin"}, 417, "name", id="taken"),
        pytest.param("PUT", "/roles/2", {"name": "admin"}, 417, "name", id="renamed to a taken one"),
        pytest.param("PUT", "/roles/2", {"description": ["x"]}, 412, "description", id="list"),
    ],
)
def test_bad_roles(admin: User, method: str, path: str, body: Any, status: int, says: str) -> None:
    error = admin.refused(status, method, path, body)
    assert says in (error["fields"] if status == 412 else error["message"])


def test_a_role_cannot_be_made_stronger_than_its_maker(secured: Secured) -> None:
    desk = secured.user("desk", role=None, permissions=("role", "permission", "contact_read"))
    role_id = desk.ok("POST", "/roles", {"name": "mine"})["role_id"]
    for name in ("contact", "contact_admin", "user", "provider_read"):
        desk.refused(403, "PUT", f"/roles/{role_id}/permissions/{secured.id_of('permission', name)}")
    desk.ok("PUT", f"/roles/{role_id}/permissions/{secured.id_of('permission', 'contact_read')}")
    desk.refused(403, "PUT", f"/roles/2/permissions/{secured.id_of('permission', 'contact_read')}")
    desk.refused(403, "DELETE", "/roles/2")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/roles/9"), ("PUT", "/roles/9"), ("DELETE", "/roles/9"), ("PUT", "/roles/2/permissions/9999"),
        ("DELETE", "/roles/2/permissions/9999"), ("PUT", "/roles/9/permissions/1"),
        ("DELETE", "/roles/2/permissions/1"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(secured: Secured, admin: User, method: str, path: str) -> None:
    secured.system.store.run("DELETE FROM role_permission WHERE role_id = 2 AND permission_id = 1")
    admin.refused(404, method, path, {} if method == "PUT" else None)


def test_permissions_are_needed(secured: Secured) -> None:
    bob = secured.user("bob", role=None)
    for method, path in (
        ("GET", "/roles"), ("POST", "/roles"), ("GET", "/roles/1"), ("PUT", "/roles/1"), ("DELETE", "/roles/1"),
        ("PUT", "/roles/1/permissions/1"), ("DELETE", "/roles/1/permissions/1"), ("PUT", "/users/2/roles/1"),
        ("GET", "/users/2/roles"),
    ):  # fmt: skip
        bob.refused(403, method, path, {"name": "x"} if method in ("POST", "PUT") else None)
