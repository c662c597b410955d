"""Who sends a request: Bearer tokens (RFC 6750) and Basic (RFC 7617), remembered as long as nothing has changed.

A request with a known header costs one tiny query: the identity version. It grows with every change of users, roles,
permissions and revocations, so what was remembered under an older version is not used again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import threading
from collections import OrderedDict

from ictcore.domain.errors import BadCredentials
from ictcore.domain.user import Actor
from ictcore.usecases.login import Login, Session
from ictcore.usecases.system import System

REMEMBERED = 10_000
"""Headers that are remembered per process; the oldest go first."""
_LOCKS = 64


class Authenticator:
    """Maps the ``Authorization`` header of a request to an actor. Safe to use from many threads."""

    def __init__(self, system: System) -> None:
        self.login = system.part(Login)
        self._version = self.login.identity.version
        self._now = system.now
        self._known: OrderedDict[str, tuple[int, Session]] = OrderedDict()
        self._secret = os.urandom(32)
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def __call__(self, header: str | None, address: str) -> Actor:
        """The actor; raises as :meth:`session`."""
        return self.session(header, address).actor

    def session(self, header: str | None, address: str) -> Session:
        """What the header proves.

        :param address: network address of the client.
        :raises BadCredentials: there is no header, or what it says is wrong, expired or revoked.
        :raises StoreUnavailable: the database cannot be asked.
        """
        if not header:
            raise BadCredentials("credentials are required: a Bearer token or Basic")
        version = self._version()
        header = header.strip()
        key = header if header[1:2] in ("e", "E") else self._mac(header)  # Bearer; anything else may hold a password
        known = self._known.get(key)
        if known is not None and known[0] == version and known[1].until > self._now():
            return known[1]
        # One at a time per header: a client that opens many connections at once shall cost one check of its password.
        with self._locks[hash(key) % _LOCKS]:
            known = self._known.get(key)
            if known is not None and known[0] == version and known[1].until > self._now():
                return known[1]
            session = self._check(header, address)
            self._known[key] = (version, session)
            self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._forget_oldest()
        return session

    def _forget_oldest(self) -> None:
        try:
            self._known.popitem(last=False)
        except KeyError:  # another thread was faster
            return

    def _mac(self, header: str) -> str:
        """Passwords are not kept in memory: only what proves that the same header came again."""
        return hmac.new(self._secret, header.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    def _check(self, header: str, address: str) -> Session:
        scheme, _, rest = header.strip().partition(" ")
        rest = rest.strip()
        if scheme.lower() == "bearer":
            return self.login.by_token(rest)
        if scheme.lower() == "basic":
            return self.login.by_password(*_basic(rest), address)
        raise BadCredentials("credentials are required: a Bearer token or Basic")


def _basic(encoded: str) -> tuple[str, str]:
    """User name and password; the password may hold colons."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadCredentials("the Basic credentials are not base64") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    name, colon, password = text.partition(":")
    if not colon:
        raise BadCredentials("the Basic credentials have no colon")
    return name, password
