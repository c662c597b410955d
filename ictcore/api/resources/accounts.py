"""``/accounts``"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import NO_NUL, Email, Flag, Line, Moment, Phone, Struct, given, partial
from ictcore.usecases import account_settings, accounts

Value = (
    Annotated[str, Meta(max_length=4096, pattern=NO_NUL)] | Annotated[int, Meta(ge=-(2**53), le=2**53)] | float | bool
)
"""The value of a setting. Whole numbers are those that every JSON client can hold."""


class AccountIn(Struct):
    """An account to be made. ``passwd`` and ``passwd_pin`` are for telephones and mailboxes; they are never shown."""

    type: Literal["account", "did", "extension", "eaddress"] | UnsetType = UNSET
    username: Line | UnsetType | None = UNSET
    passwd: Line | UnsetType | None = UNSET
    passwd_pin: Line | UnsetType | None = UNSET
    first_name: Line | UnsetType | None = UNSET
    last_name: Line | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    address: Line | UnsetType | None = UNSET
    active: Flag | UnsetType = UNSET
    settings: dict[str, Value] | UnsetType | None = UNSET


AccountPatch = partial(AccountIn, "AccountPatch")


class Account(Struct):
    """An account. ``user_id`` is null while it is free to be assigned."""

    account_id: int
    type: str
    username: str
    first_name: str
    last_name: str
    phone: str
    email: str
    address: str
    active: int
    settings: dict[str, Value]
    user_id: int | None
    date_created: Moment
    last_updated: Moment | None


class AccountId(Struct):
    """The new account's id."""

    account_id: int


class Setting(Struct):
    """The value of a setting."""

    value: Value


def _create(call: Call) -> Any:
    return {"account_id": accounts.create(call.system, call.actor, _given(call))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(accounts.page(call.system, call.actor, page), page)


def _get(call: Call) -> Any:
    return accounts.get(call.system, call.actor, call.ids["account_id"])


def _update(call: Call) -> Any:
    return accounts.update(call.system, call.actor, call.ids["account_id"], _given(call))


def _delete(call: Call) -> Any:
    accounts.delete(call.system, call.actor, call.ids["account_id"])
    return True


def _given(call: Call) -> dict[str, Any]:
    values = given(call.body)
    for name in values.get("settings") or ():
        account_settings.check_name("settings", name)
    return values


def _setting(call: Call) -> Any:
    value = account_settings.get(call.system, call.actor, call.ids["account_id"], call.texts["name"])
    return {"value": value}


def _put_setting(call: Call) -> Any:
    name, value = call.texts["name"], call.body.value
    account_settings.put(call.system, call.actor, call.ids["account_id"], name, value)
    return {"value": value}


def _delete_setting(call: Call) -> Any:
    account_settings.delete(call.system, call.actor, call.ids["account_id"], call.texts["name"])
    return True


_MISSING = frozenset({404})
_ONE = "/accounts/{account_id}"
_SETTING = "/accounts/{account_id}/settings/{name}"
_FILTERS = (*(name for name in Account.__struct_fields__ if name != "settings"), "before", "after")

OPERATIONS = (
    Operation("accounts.create", "POST", "/accounts", _create, "Create an account", ("account_create",),
              body=AccountIn, answer=AccountId, errors=frozenset({417})),
    Operation("accounts.list", "GET", "/accounts", _list, "Get all accounts", ("account_list",), answer=list[Account],
              query=PAGING, filters=_FILTERS),
    Operation("accounts.get", "GET", _ONE, _get, "View an account", ("account_read",), answer=Account,
              errors=_MISSING),
    Operation("accounts.update", "PUT", _ONE, _update, "Change an account", ("account_update",), body=AccountPatch,
              answer=Account, errors=frozenset({404, 417})),
    Operation("accounts.delete", "DELETE", _ONE, _delete, "Delete an account", ("account_delete",), answer=bool,
              errors=frozenset({404, 423})),
    Operation("accounts.settings.get", "GET", _SETTING, _setting, "View a setting of an account", ("account_read",),
              answer=Setting, errors=_MISSING),
    Operation("accounts.settings.put", "PUT", _SETTING, _put_setting, "Set a setting of an account",
              ("account_update",), body=Setting, answer=Setting, errors=_MISSING),
    Operation("accounts.settings.delete", "DELETE", _SETTING, _delete_setting, "Forget a setting of an account",
              ("account_update",), answer=bool, errors=_MISSING),
)  # fmt: skip
