"""Who acts, what he may do, and whose rows he sees."""

from __future__ import annotations

from dataclasses import dataclass

from ictcore.domain.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Actor:
    """The user on whose behalf something is done.

    :ivar permissions: every permission he holds, by himself or by a role; a name grants all names that begin with it
        and ``_`` (``contact`` grants ``contact_create``).
    """

    user_id: int
    username: str
    permissions: frozenset[str]

    def may(self, permission: str) -> bool:
        """Whether he holds ``permission`` or a prefix of it."""
        if permission in self.permissions:
            return True
        cut = permission.rfind("_")
        while cut > 0:
            permission = permission[:cut]
            if permission in self.permissions:
                return True
            cut = permission.rfind("_")
        return False

    def require(self, *permissions: str) -> None:
        """Check that he holds every one of ``permissions``.

        :raises Forbidden: he does not; the message names the first that is missing.
        """
        for permission in permissions:
            if not self.may(permission):
                raise Forbidden(f"the permission {permission} is needed")

    def scope(self, family: str) -> int | None:
        """Whose rows of ``family`` he sees: his own user id, or ``None`` for everybody's (holders of ``…_admin``)."""
        return None if self.may(f"{family}_admin") else self.user_id
