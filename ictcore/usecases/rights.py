"""Who may change whom: nobody gives away or takes over what exceeds his own rights, and one administrator stays."""

from __future__ import annotations

from collections.abc import Iterable

from ictcore.domain.errors import Forbidden, NotFound, WrongState
from ictcore.domain.user import Actor
from ictcore.store.identity import Identity
from ictcore.usecases.system import System

_ADMINISTERS = (("user", "user_admin"), ("role", "role_update"))
"""An administrator holds one of each pair: he can see every user and hand out roles."""


def require_user(actor: Actor, action: str) -> None:
    """Check the permission ``user_…``; ICTCore has each of them also as ``usr_…``.

    :raises Forbidden: he holds neither.
    """
    if not actor.may(f"usr_{action}"):
        actor.require(f"user_{action}")


def sees_all(actor: Actor) -> bool:
    """Whether he sees other users than himself."""
    return actor.may("user_admin") or actor.may("usr_admin")


def require_visible(system: System, actor: Actor, user_id: int) -> None:
    """Check that he sees this user.

    :raises NotFound: there is none, or it is somebody else and he sees only himself.
    """
    if (user_id != actor.user_id and not sees_all(actor)) or not system.rows.user.exists(user_id, None):
        raise NotFound(f"there is no user {user_id}")


def require_covers(actor: Actor, permissions: Iterable[str], what: str) -> None:
    """Check that he holds every one of ``permissions`` himself.

    :raises Forbidden: he does not.
    """
    lacking = sorted(name for name in permissions if not actor.may(name))
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise Forbidden(f"{what} exceeds your own permissions: {', '.join(lacking[:3])}{more}")


def require_superior(system: System, actor: Actor, user_id: int) -> None:
    """Check that he may change this user: himself, or one who holds nothing that he does not hold.

    :raises Forbidden: the other one holds more; to change his password would be to become him.
    """
    if user_id != actor.user_id:
        held = Identity(system.store).permissions(user_id)
        require_covers(actor, held, f"user {user_id}")


def require_administrator_left(system: System) -> None:
    """Check, after a change and before its commit, that an active user can still administer users and roles.

    :raises WrongState: none could; the change must not be kept.
    """
    if not Identity(system.store).active_holders(*_ADMINISTERS):
        raise WrongState("the last active administrator must remain one")
