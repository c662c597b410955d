"""Programs that answer for an account, and the user that it belongs to"""

from __future__ import annotations

from typing import Any

from ictcore.api.call import Call
from ictcore.api.operation import Operation
from ictcore.api.resources.accounts import Account
from ictcore.usecases import subscriptions


def _subscribe(call: Call) -> Any:
    return subscriptions.subscribe(call.system, call.actor, call.ids["account_id"], call.texts["program"])


def _unsubscribe(call: Call) -> Any:
    return subscriptions.unsubscribe(call.system, call.actor, call.ids["account_id"], call.texts["program"])


def _clear(call: Call) -> Any:
    return subscriptions.unsubscribe(call.system, call.actor, call.ids["account_id"])


def _assign(call: Call) -> Any:
    return subscriptions.assign(call.system, call.actor, call.ids["account_id"], call.ids["user_id"])


def _dissociate(call: Call) -> Any:
    return subscriptions.dissociate(call.system, call.actor, call.ids["account_id"])


_PROGRAMS = "/accounts/{account_id}/programs"
_PROGRAM = "/accounts/{account_id}/programs/{program}"
_GONE = frozenset({404, 423})

OPERATIONS = (
    Operation("accounts.programs.subscribe", "PUT", _PROGRAM, _subscribe, "Let a program answer for an account",
              ("account_update", "program_create"), answer=Account, errors=frozenset({404, 412, 417, 501}),
              description="`program` is the id or name of a program, which is copied for the account, or a type."),
    Operation("accounts.programs.unsubscribe", "DELETE", _PROGRAM, _unsubscribe, "Take a program from an account",
              ("account_update", "program_delete"), answer=Account, errors=_GONE,
              description="`program` is the id, name or type of the programs that go."),
    Operation("accounts.programs.clear", "DELETE", _PROGRAMS, _clear, "Take all programs from an account",
              ("account_update", "program_delete"), answer=Account, errors=_GONE),
    Operation("accounts.users.assign", "PUT", "/accounts/{account_id}/users/{user_id}", _assign,
              "Give an account to a user", ("account_create", "user_update"), answer=Account, errors=_GONE),
    Operation("accounts.users.dissociate", "DELETE", "/accounts/{account_id}/users", _dissociate,
              "Take an account from its user", ("account_delete", "user_update"), answer=Account, errors=_GONE),
)  # fmt: skip
