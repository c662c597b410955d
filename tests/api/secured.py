"""The API with real logins: a bootstrapped system, and clients that prove who they are."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from falcon import testing

from ictcore.api.wsgi import create
from ictcore.runtime import core_settings
from ictcore.testing import StaticSettings
from ictcore.usecases.bootstrap import bootstrap
from ictcore.usecases.system import System

PASSWORD = "correct horse"
CHEAP = {"security.argon2_time": 1, "security.argon2_memory": 8, "security.argon2_parallelism": 1}
"""The hash as quick as it can be: what is tested is not its strength."""


class Secured:
    """A system with an administrator, served by the application that gunicorn serves."""

    def __init__(self, system: System, settings: Mapping[str, Any] | None = None) -> None:
        system.settings = StaticSettings(core_settings(), {**CHEAP, **(settings or {})})
        self.system = system
        self.made = bootstrap(system, admin_password=PASSWORD)
        self.client = testing.TestClient(create(system))

    def another_process(self) -> Secured:
        """The same database and keys, as another worker process sees them: it remembers nothing of this one."""
        other = object.__new__(Secured)
        other.system = System(
            self.system.store, self.system.registry, self.system.settings, self.system.home, self.system.clock
        )
        other.client = testing.TestClient(create(other.system))
        return other

    def call(
        self, method: str, path: str, body: Any = None, *, auth: str | None = None, **options: Any
    ) -> testing.Result:
        """Any request, any answer. ``auth``: the value of the header ``Authorization``."""
        headers = {**({"Authorization": auth} if auth else {}), **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        return self.client.simulate_request(method, path, headers=headers, **options)

    def token(self, username: str = "admin", password: str = PASSWORD) -> str:
        """A new token, as ``Bearer …``."""
        answer = self.call("POST", "/authenticate", {"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return f"Bearer {answer.json['token']}"

    def user(self, username: str, *, role: str | None = "user", permissions: tuple[str, ...] = ()) -> User:
        """A new user with just this role and these permissions."""
        admin = self.token()
        user_id = self.ok("POST", "/users", {"username": username, "password": PASSWORD}, auth=admin)["user_id"]
        store = self.system.store
        with store.transaction():
            store.run("UPDATE identity_version SET version = version + 1")
            if role != "user":
                store.run("DELETE FROM user_role WHERE user_id = ?", (user_id,))
            if role not in ("user", None):
                store.run("INSERT INTO user_role SELECT ?, id FROM role WHERE name = ?", (user_id, role))
            for name in permissions:
                store.run("INSERT INTO user_permission SELECT ?, id FROM permission WHERE name = ?", (user_id, name))
        return User(self, user_id, username)

    def ok(self, method: str, path: str, body: Any = None, *, auth: str | None = None) -> Any:
        """The JSON of an answer that must be 200."""
        answer = self.call(method, path, body, auth=auth)
        assert answer.status_code == 200, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json

    def id_of(self, noun: str, name: str) -> int:
        """The id of a role or a permission."""
        found = self.system.store.value(f"SELECT id FROM {noun} WHERE name = ?", (name,))
        assert found is not None, name
        return int(found)


class User:
    """A user, as himself."""

    def __init__(self, secured: Secured, user_id: int, username: str) -> None:
        self.secured = secured
        self.id = user_id
        self.username = username
        self.auth = secured.token(username)

    def call(self, method: str, path: str, body: Any = None) -> testing.Result:
        """Any request, any answer."""
        return self.secured.call(method, path, body, auth=self.auth)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be 200."""
        return self.secured.ok(method, path, body, auth=self.auth)

    def refused(self, status: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The error of an answer that must have this status."""
        answer = self.call(method, path, body)
        assert answer.status_code == status, f"{method} {path}: {answer.status} {answer.text}"
        error: dict[str, Any] = answer.json["error"]
        return error


def basic(username: str, password: str) -> str:
    """The header value of Basic credentials."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
