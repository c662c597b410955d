"""Tokens: JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7518) by keys in files that can be rotated.

Each key is a file ``<kid>.key`` in a folder that only the owner may read. The newest key signs; every key that is
there verifies. So a rotation logs nobody out, and all processes notice it: they look whether the folder has changed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from ictcore.domain.errors import BadCredentials
from ictcore.store.identity import Credentials

ALGORITHM = "HS256"
_KID = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}")
LEEWAY = 5.0
"""Seconds by which the clocks of two of our machines may differ."""
_OPTIONS: Any = {
    "require": ["iss", "iat", "nbf", "exp", "jti", "user_id", "gen"],
    "verify_exp": False,  # checked here, with the clock of the system
    "verify_nbf": False,
    "verify_iat": False,
}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says. ``generation`` must be the user's present one."""

    user_id: int
    jti: str
    expires_at: float
    generation: float


class KeyRing:
    """The signing keys in ``folder``. Safe to use from many threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, bytes] = {}
        self._seen = -1

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._keys)} keys>"

    def current(self) -> tuple[str, bytes]:
        """``(kid, key)`` of the newest key; makes the first one when there is none."""
        self._notice()
        if not self._keys:
            self.rotate()
        kid = max(self._keys)
        return kid, self._keys[kid]

    def get(self, kid: str) -> bytes | None:
        """The key ``kid``, or ``None`` when there is none."""
        self._notice()
        key = self._keys.get(kid)
        if key is None and _KID.fullmatch(kid):
            with contextlib.suppress(OSError):
                key = self._keys[kid] = self._read(self._folder / f"{kid}.key")
        return key

    def rotate(self) -> str:
        """Make a new key that signs from now on; its kid."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        newest = int(max(self._names(), default="0").split("-")[0], 16)
        kid = f"{max(int(time.time()), newest + 1):012x}-{secrets.token_hex(4)}"
        hidden = self._folder / f".{kid}"
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        hidden.rename(self._folder / f"{kid}.key")  # others see it whole or not at all
        self._seen = -1
        self._notice()
        return kid

    def drop(self, older_than: float | None = None) -> list[str]:
        """Remove keys that no longer sign; their kids. Tokens that they signed are refused from now on.

        :param older_than: epoch seconds: only keys whose successor was made before; ``None``: all but the newest.
        """
        names = sorted(self._names())
        dropped = []
        for kid, successor in itertools.pairwise(names):
            if older_than is None or int(successor.split("-")[0], 16) < older_than:
                (self._folder / f"{kid}.key").unlink(missing_ok=True)
                dropped.append(kid)
        self._seen = -1
        return dropped

    def _names(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return [path.stem for path in self._folder.glob("*.key") if _KID.fullmatch(path.stem)]

    def _notice(self) -> None:
        """Read the folder again when a file was added or removed since."""
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            self._keys = {}
            return
        if changed != self._seen:
            keys: dict[str, bytes] = {}
            for kid in self._names():
                with contextlib.suppress(FileNotFoundError):  # dropped this moment
                    keys[kid] = self._read(self._folder / f"{kid}.key")
            self._keys, self._seen = keys, changed

    @staticmethod
    def _read(path: Path) -> bytes:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())


class Tokens:
    """Issues and checks tokens.

    :param expiry: seconds that a token lives.
    """

    def __init__(self, keys: KeyRing, *, issuer: str, expiry: int) -> None:
        self.keys = keys
        self.expiry = expiry
        self._issuer = issuer

    def issue(self, user: Credentials, *, is_admin: bool, now: float) -> str:
        """A new token of ``user``."""
        kid, key = self.keys.current()
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + self.expiry,
            "jti": secrets.token_urlsafe(16),
            "gen": user.generation,
            "user_id": str(user.user_id),
            "username": user.username,
            "is_admin": "1" if is_admin else "0",
        }
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid})

    def read(self, token: str, now: float) -> Claims:
        """What ``token`` says, after its signature, issuer and times are checked. Revocation is not checked here.

        :raises BadCredentials: it is not a token of ours, or no longer or not yet valid.
        """
        try:
            key = self.keys.get(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                raise BadCredentials("the token was signed by a key that is not in use")
            claims = jwt.decode(token, key, algorithms=[ALGORITHM], issuer=self._issuer, options=_OPTIONS)
            if float(claims["exp"]) <= now:
                raise BadCredentials("the token has expired")
            if float(claims["nbf"]) > now + LEEWAY:
                raise BadCredentials("the token is not valid yet")
            return Claims(int(claims["user_id"]), str(claims["jti"]), float(claims["exp"]), float(claims["gen"]))
        except (jwt.PyJWTError, ValueError, TypeError):
            raise BadCredentials("the token is not valid") from None
