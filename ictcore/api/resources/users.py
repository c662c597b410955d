"""``/users``"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.resources.permissions import Permission
from ictcore.api.types import NO_CONTROL, Email, Flag, Id, Line, Moment, Phone, Struct, given, partial
from ictcore.domain.errors import InvalidInput
from ictcore.usecases import permissions, roles, users

Username = Annotated[str, Meta(min_length=1, max_length=128, pattern=NO_CONTROL)]
Password = Annotated[str, Meta(max_length=1024)]


class UserIn(Struct, kw_only=True):
    """A user to be made. ``passwd`` and ``password`` are the same: plain text, kept as a hash, never returned."""

    username: Username
    password: Password | UnsetType = UNSET
    passwd: Password | UnsetType = UNSET
    first_name: Line | UnsetType | None = UNSET
    last_name: Line | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    address: Line | UnsetType | None = UNSET
    company: Line | UnsetType | None = UNSET
    country_id: Id | UnsetType | None = UNSET
    language_id: Line | UnsetType | None = UNSET
    timezone_id: Id | UnsetType | None = UNSET
    active: Flag | UnsetType = UNSET


UserPatch = partial(UserIn, "UserPatch")


class User(Struct):
    """A user."""

    user_id: int
    username: str
    first_name: str
    last_name: str
    phone: str
    email: str | None
    address: str
    company: str
    country_id: int | None
    language_id: str
    timezone_id: int | None
    active: int
    owner_id: int | None
    date_created: Moment
    last_updated: Moment | None


class UserId(Struct):
    """The new user's id."""

    user_id: int


class NewPassword(Struct, kw_only=True):
    """A new password, in plain text."""

    password: Password


class HeldRole(Struct):
    """A role that a user holds."""

    role_id: int
    name: str
    description: str


def _fields(call: Call) -> tuple[dict[str, Any], str | None]:
    """The fields of the body, and the password where one is named."""
    values = given(call.body)
    named = [values.pop(name) for name in ("password", "passwd") if name in values]
    if len(set(named)) > 1:
        raise InvalidInput(fields={"passwd": "must be the same as password"})
    return values, named[0] if named else None


def _create(call: Call) -> Any:
    return {"user_id": users.create(call.system, call.actor, *_fields(call))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(users.page(call.system, call.actor, page), page)


def _get(call: Call) -> Any:
    return users.get(call.system, call.actor, call.ids["user_id"])


def _update(call: Call) -> Any:
    return users.update(call.system, call.actor, call.ids["user_id"], *_fields(call))


def _delete(call: Call) -> Any:
    users.delete(call.system, call.actor, call.ids["user_id"])
    return True


def _password(call: Call) -> Any:
    return users.set_password(call.system, call.actor, call.ids["user_id"], call.body.password)


def _roles(call: Call) -> Any:
    return roles.of_user(call.system, call.actor, call.ids["user_id"])


def _add_role(call: Call) -> Any:
    return roles.assign(call.system, call.actor, call.ids["user_id"], call.ids["role_id"])


def _delete_role(call: Call) -> Any:
    roles.unassign(call.system, call.actor, call.ids["user_id"], call.ids["role_id"])
    return True


def _permissions(call: Call) -> Any:
    return permissions.of_user(call.system, call.actor, call.ids["user_id"])


def _add_permission(call: Call) -> Any:
    return permissions.assign(call.system, call.actor, call.ids["user_id"], call.ids["permission_id"])


def _delete_permission(call: Call) -> Any:
    permissions.unassign(call.system, call.actor, call.ids["user_id"], call.ids["permission_id"])
    return True


_MISSING = frozenset({404})
_GUARDED = frozenset({404, 423})
_ONE = "/users/{user_id}"
_ROLE, _PERMISSION = f"{_ONE}/roles/{{role_id}}", f"{_ONE}/permissions/{{permission_id}}"

OPERATIONS = (
    Operation("users.create", "POST", "/users", _create, "Create a user", ("user_create",), body=UserIn, answer=UserId,
              errors=frozenset({417}),
              description="He gets a default account and the role that the setting `security.default_role` names."),
    Operation("users.list", "GET", "/users", _list, "Get all users", ("user_list",), answer=list[User],
              query=PAGING, filters=User.__struct_fields__),
    Operation("users.get", "GET", _ONE, _get, "View a user", ("user_read",), answer=User, errors=_MISSING),
    Operation("users.update", "PUT", _ONE, _update, "Change a user", ("user_update",), body=UserPatch, answer=User,
              errors=frozenset({404, 417, 423}),
              description="A new password and deactivation (`active` 0) revoke all tokens of the user."),
    Operation("users.delete", "DELETE", _ONE, _delete, "Delete a user", ("user_delete",), answer=bool, errors=_GUARDED,
              description="With his accounts. One who owns anything else is refused with 423: deactivate him instead."),
    Operation("users.password.update", "PUT", f"{_ONE}/password", _password, "Change a password", ("user_password",),
              body=NewPassword, answer=User, errors=_MISSING, description="Revokes all tokens of the user."),
    Operation("users.roles.list", "GET", f"{_ONE}/roles", _roles, "Get the roles of a user",
              ("user_read", "role_list"), answer=list[HeldRole], errors=_MISSING),
    Operation("users.roles.add", "PUT", _ROLE, _add_role, "Give a role to a user", ("user_update", "role_update"),
              answer=User, errors=_MISSING,
              description="Nobody can give away a role that grants more than he holds himself."),
    Operation("users.roles.delete", "DELETE", _ROLE, _delete_role, "Take a role from a user",
              ("user_update", "role_update"), answer=bool, errors=_GUARDED, aliases=(("GET", _ROLE),)),
    Operation("users.permissions.list", "GET", f"{_ONE}/permissions", _permissions,
              "Get the permissions that a user holds by himself", ("user_read", "permission_list"),
              answer=list[Permission], errors=_MISSING),
    Operation("users.permissions.add", "PUT", _PERMISSION, _add_permission, "Give a permission to a user",
              ("user_update", "permission_create"), answer=User, errors=_MISSING,
              description="Nobody can give away a permission that he does not hold himself."),
    Operation("users.permissions.delete", "DELETE", _PERMISSION, _delete_permission, "Take a permission from a user",
              ("user_update", "permission_delete"), answer=bool, errors=_GUARDED, aliases=(("GET", _PERMISSION),)),
)  # fmt: skip
