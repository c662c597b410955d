"""Permissions."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ictcore.domain.permission import all_names
from ictcore.runtime import core_settings
from ictcore.testing import StaticSettings
from ictcore.usecases.bootstrap import Made, bootstrap
from ictcore.usecases.system import System
from tests.api.secured import CHEAP, Secured, User


@pytest.fixture
def secured(system: System) -> Secured:
    return Secured(system)


@pytest.fixture
def admin(secured: Secured) -> User:
    return User(secured, 1, "admin")


def test_every_name_is_seeded(admin: User) -> None:
    rows = admin.ok("GET", "/permissions?limit=1000")
    assert {row["name"] for row in rows} == set(all_names())
    assert [row["name"] for row in admin.ok("GET", "/permissions?name=contact_c*")] == ["contact_create"]


def test_a_new_permission_can_be_handed_on_by_administrators(secured: Secured, admin: User) -> None:
    permission_id = admin.ok("POST", "/permissions", {"name": "fleet_read", "description": "d"})["permission_id"]
    assert "fleet_read" in admin.ok("GET", "/roles/1")["permissions"]
    bob = secured.user("bob")
    admin.ok("PUT", f"/users/{bob.id}/permissions/{permission_id}")
    assert [row["permission_id"] for row in admin.ok("GET", f"/users/{bob.id}/permissions")] == [permission_id]
    assert admin.ok("DELETE", f"/users/{bob.id}/permissions/{permission_id}") is True
    admin.refused(404, "DELETE", f"/users/{bob.id}/permissions/{permission_id}")


@pytest.mark.parametrize("name", ["", "Contact", "a b", "a-b", "9a", "_a", "a\n", "ä", "a" * 65, None, 5, "a;b"])
def test_bad_names(admin: User, name: Any) -> None:
    assert list(admin.refused(412, "POST", "/permissions", {"name": name})["fields"]) == ["name"]


def test_a_taken_name(admin: User) -> None:
    assert "name" in admin.refused(417, "POST", "/permissions", {"name": "contact_create"})["message"]


@pytest.mark.both_engines
def test_what_an_operator_has_taken_away_does_not_come_back_at_the_next_start(secured: Secured, admin: User) -> None:
    admin.ok("DELETE", f"/roles/2/permissions/{secured.id_of('permission', 'contact_create')}")
    assert not bootstrap(secured.system).admin
    assert "contact_create" not in admin.ok("GET", "/roles/2")["permissions"]


@pytest.mark.both_engines
def test_many_processes_may_start_a_new_system_at_once(system: System) -> None:
    system.settings = StaticSettings(core_settings(), CHEAP)
    barrier = threading.Barrier(4)

    def start(_: int) -> Made:
        barrier.wait()
        try:
            return bootstrap(system)
        finally:
            system.store.close()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(start, range(4)))
    assert sum(item.admin for item in made) == 1
    assert sum(item.admin_password is not None for item in made) == 1
    assert system.store.value("SELECT count(*) FROM permission") == len(all_names())
    assert system.store.value("SELECT count(*) FROM node") == 1


def test_a_name_that_is_new_in_this_version_reaches_the_roles_that_list_it(secured: Secured, admin: User) -> None:
    secured.system.store.run("DELETE FROM permission WHERE name = 'campaign_start'")
    bootstrap(secured.system)
    assert "campaign_start" in admin.ok("GET", "/roles/2")["permissions"]
    assert "campaign_start" not in admin.ok("GET", "/roles/1")["permissions"]
