"""What decides who somebody is: users, the roles and permissions they hold, revoked tokens, failed logins.

Every change of users, roles, permissions or revocations calls :meth:`Identity.changed` first, in the same transaction.
It counts the version up, so that processes drop what they remember, and its row lock makes such changes wait for each
other: a rule over many users ("one administrator must remain") can be checked without a race.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ictcore.store.database import Store


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user, as a login sees him. ``generation``: tokens that carry another one are revoked."""

    user_id: int
    username: str
    password_hash: str
    active: bool
    generation: float


_USER = "SELECT id, username, password_hash, active, tokens_from FROM usr"
_HELD = (
    "SELECT p.name FROM permission p JOIN user_permission h ON h.permission_id = p.id WHERE h.user_id = ?"
    " UNION SELECT p.name FROM permission p JOIN role_permission g ON g.permission_id = p.id"
    " JOIN user_role h ON h.role_id = g.role_id WHERE h.user_id = ?"
)


class Identity:
    """Access to the identity tables of ``store``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def version(self) -> int:
        """Grows with every change. One tiny query."""
        return self._store.value("SELECT version FROM identity_version WHERE id = 1") or 0

    def changed(self) -> None:
        """Count the version up. Inside a transaction, before anything that the change depends on is read."""
        self._store.run(
            "INSERT INTO identity_version (id, version) VALUES (1, 1)"
            " ON CONFLICT (id) DO UPDATE SET version = identity_version.version + 1"
        )

    # -- users --------------------------------------------------------------------------------------------------------

    def by_name(self, name: str) -> Credentials | None:
        """The user with this user name, else the one with this e-mail address."""
        found = self._store.rows(f"{_USER} WHERE username = ? OR email = ?", (name, name))
        found.sort(key=lambda row: row[1] != name)
        return _credentials(found[0]) if found else None

    def by_id(self, user_id: int) -> Credentials | None:
        """The user with this id."""
        row = self._store.row(f"{_USER} WHERE id = ?", (user_id,))
        return _credentials(row) if row else None

    def replace_hash(self, user_id: int, old: str, new: str) -> None:
        """Store another hash of the same password, unless the password was changed meanwhile."""
        self._store.run("UPDATE usr SET password_hash = ? WHERE id = ? AND password_hash = ?", (new, user_id, old))

    def revoke_all(self, user_id: int, now: float) -> None:
        """Make all tokens of a user invalid that were issued so far."""
        self._store.run(
            "UPDATE usr SET tokens_from = CASE WHEN tokens_from < ? THEN ? ELSE tokens_from + 0.001 END WHERE id = ?",
            (now, now, user_id),
        )

    def permissions(self, user_id: int) -> frozenset[str]:
        """Names of all permissions that he holds, by himself or by a role."""
        return frozenset(row[0] for row in self._store.rows(_HELD, (user_id, user_id)))

    def role_permissions(self, role_id: int) -> frozenset[str]:
        """Names of the permissions that a role grants."""
        found = self._store.rows(
            "SELECT p.name FROM permission p JOIN role_permission g ON g.permission_id = p.id WHERE g.role_id = ?",
            (role_id,),
        )
        return frozenset(row[0] for row in found)

    def active_holders(self, *names: Iterable[str]) -> int:
        """How many active users hold at least one permission of each set of ``names``."""
        sets = [list(some) for some in names]
        held = (
            "EXISTS (SELECT 1 FROM permission p JOIN user_permission h ON h.permission_id = p.id"
            " WHERE h.user_id = usr.id AND p.name IN ({0}))"
            " OR EXISTS (SELECT 1 FROM permission p JOIN role_permission g ON g.permission_id = p.id"
            " JOIN user_role h ON h.role_id = g.role_id WHERE h.user_id = usr.id AND p.name IN ({0}))"
        )
        clauses = " ".join(f"AND ({held.format(', '.join('?' * len(some)))})" for some in sets)
        values = [name for some in sets for name in (*some, *some)]
        return int(self._store.value(f"SELECT count(*) FROM usr WHERE active = 1 {clauses}", values))  # noqa: S608

    # -- tokens -------------------------------------------------------------------------------------------------------

    def revoke(self, jti: str, expires_at: float, now: float) -> None:
        """Remember that a token was cancelled; forget those that have expired anyway."""
        self._store.run("DELETE FROM revoked_token WHERE expires_at < ?", (now,))
        self._store.run(
            "INSERT INTO revoked_token (jti, expires_at) VALUES (?, ?) ON CONFLICT (jti) DO NOTHING", (jti, expires_at)
        )

    def revoked(self, jti: str) -> bool:
        """Whether that token was cancelled."""
        return self._store.row("SELECT 1 FROM revoked_token WHERE jti = ?", (jti,)) is not None

    # -- failed logins ------------------------------------------------------------------------------------------------

    def failures(self, keys: Iterable[str], now: float) -> dict[str, tuple[int, float]]:
        """Key -> (failures, end of the window) of the windows that have not ended."""
        wanted = list(keys)
        marks = ", ".join("?" * len(wanted))
        found = self._store.rows(
            f"SELECT key, failures, window_ends_at FROM login_throttle WHERE key IN ({marks}) AND window_ends_at > ?",  # noqa: S608
            [*wanted, now],
        )
        return {key: (failures, end) for key, failures, end in found}

    def failed(self, keys: Iterable[str], now: float, window: float) -> None:
        """Count a failed login for each of ``keys``; windows that have ended are forgotten."""
        with self._store.transaction():
            self._store.run("DELETE FROM login_throttle WHERE window_ends_at <= ?", (now,))
            for key in sorted(keys):  # one order for all: no deadlock
                self._store.run(
                    "INSERT INTO login_throttle (key, failures, window_ends_at) VALUES (?, 1, ?)"
                    " ON CONFLICT (key) DO UPDATE SET failures = login_throttle.failures + 1",
                    (key, now + window),
                )

    def succeeded(self, key: str) -> None:
        """Forget the failures of ``key``."""
        self._store.run("DELETE FROM login_throttle WHERE key = ?", (key,))


def _credentials(row: tuple[int, str, str, int, float]) -> Credentials:
    user_id, username, password_hash, active, generation = row
    return Credentials(user_id, username, password_hash, bool(active), generation)
