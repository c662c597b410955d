"""Logging in: by password or by token, with failed attempts counted and slowed down."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import threading
from dataclasses import dataclass
from functools import cached_property

import argon2

from ictcore.domain.errors import BadCredentials, TooManyAttempts
from ictcore.domain.user import Actor
from ictcore.store.identity import Credentials, Identity
from ictcore.usecases.system import System
from ictcore.usecases.tokens import Claims, KeyRing, Tokens

LONGEST_PASSWORD = 1024
_WRONG = "the user name or the password is wrong"


class Passwords:
    """Hashes and checks passwords with argon2id (RFC 9106).

    At most as many checks run at once as there are processors: each takes memory, and more would not be quicker.
    """

    def __init__(self, *, time_cost: int, memory_cost: int, parallelism: int) -> None:
        self._hasher = argon2.PasswordHasher(time_cost, memory_cost, parallelism)
        self._room = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))

    @classmethod
    def of(cls, system: System) -> Passwords:
        """With the parameters that the settings name."""
        settings = system.settings
        return cls(
            time_cost=settings["security.argon2_time"],
            memory_cost=settings["security.argon2_memory"],
            parallelism=settings["security.argon2_parallelism"],
        )

    def hash(self, password: str) -> str:
        """The text to store. Takes some tens of milliseconds."""
        with self._room:
            return self._hasher.hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one of ``stored``; takes as long when there is none (``None``)."""
        if len(password) > LONGEST_PASSWORD:
            return False
        with self._room:
            try:
                return self._hasher.verify(stored or self._nobody, password) and bool(stored)
            except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
                return False

    def outdated(self, stored: str) -> bool:
        """Whether ``stored`` was made with other parameters than those in force."""
        return self._hasher.check_needs_rehash(stored)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(os.urandom(16).hex())


def _network(address: str) -> str:
    """What is counted as one client: an IPv4 address, or the /64 that one IPv6 client has to choose from."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found), 64), strict=False))


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has proved who he is. ``until``: epoch seconds after which he must do so again."""

    actor: Actor
    until: float
    claims: Claims | None = None


class Login:
    """Checks passwords and tokens. Made once per process; safe to use from many threads."""

    def __init__(self, system: System) -> None:
        settings = system.settings
        self.system = system
        self.identity = Identity(system.store)
        self.passwords = Passwords.of(system)
        self.tokens = Tokens(
            KeyRing(system.home / "keys"), issuer=settings["security.issuer"], expiry=settings["security.token_expiry"]
        )
        self._window = settings["security.login_window"]
        self._limits = settings["security.login_failures"], settings["security.login_failures_address"]
        self._remembered = settings["security.basic_cache"]
        _ = self.passwords._nobody  # made now: the first unknown user must not take longer than the next

    def by_password(self, name: str, password: str, address: str) -> Session:
        """Log in with a user name or an e-mail address.

        :param address: network address of the client, ``""`` when it has none.
        :raises TooManyAttempts: of this name or from this address; the password was not even looked at.
        :raises BadCredentials: wrong, unknown or not active: the three look the same and take the same time.
        """
        now = self.system.now()
        name_key = "user:" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
        address_key = f"address:{_network(address)}"
        failures = self._throttle(name_key, address_key, now)
        user = self.identity.by_name(name) if "\x00" not in name else None
        right = self.passwords.verify(user.password_hash if user else None, password)
        if not right or user is None or not user.active:
            self.identity.failed({name_key, address_key} if address else {name_key}, now, self._window)
            raise BadCredentials(_WRONG)
        if name_key in failures:
            self.identity.succeeded(name_key)
        if self.passwords.outdated(user.password_hash):
            self.identity.replace_hash(user.user_id, user.password_hash, self.passwords.hash(password))
        return Session(self._actor(user), now + self._remembered)

    def by_token(self, token: str) -> Session:
        """Check a token.

        :raises BadCredentials: it is not valid, or revoked, or its user is gone or not active.
        """
        claims = self.tokens.read(token, self.system.now())
        user = self.identity.by_id(claims.user_id)
        if user is None or not user.active or user.generation != claims.generation:
            raise BadCredentials("the token is no longer valid")
        if self.identity.revoked(claims.jti):
            raise BadCredentials("the token was cancelled")
        return Session(self._actor(user), claims.expires_at, claims)

    def issue(self, actor: Actor) -> str:
        """A new token for somebody who has just logged in."""
        user = self.identity.by_id(actor.user_id)
        if user is None:
            raise BadCredentials(_WRONG)
        return self.tokens.issue(user, is_admin=actor.may("user_create"), now=self.system.now())

    def cancel(self, claims: Claims) -> None:
        """Revoke one token. Doing it twice changes nothing."""
        with self.system.store.transaction():
            self.identity.changed()
            self.identity.revoke(claims.jti, claims.expires_at, self.system.now())

    def _actor(self, user: Credentials) -> Actor:
        return Actor(user.user_id, user.username, self.identity.permissions(user.user_id))

    def _throttle(self, name_key: str, address_key: str, now: float) -> dict[str, tuple[int, float]]:
        failures = self.identity.failures((name_key, address_key), now)
        for key, limit in zip((name_key, address_key), self._limits, strict=True):
            count, end = failures.get(key, (0, 0.0))
            if count >= limit:
                raise TooManyAttempts("too many failed logins; wait before the next one", retry_after=end - now)
        return failures
