"""``/authenticate``"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ictcore.api.auth import Authenticator
from ictcore.api.call import Call
from ictcore.api.operation import Operation
from ictcore.api.types import Email, Line, Struct
from ictcore.domain.errors import InvalidInput
from ictcore.usecases.login import Login

Password = Annotated[str, Meta(max_length=1024)]


class Credentials(Struct, kw_only=True):
    """Who somebody is, and his password. Either the user name or the e-mail address is needed."""

    username: Line | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    password: Password


class Token(Struct):
    """A token to be sent as ``Authorization: Bearer TOKEN``."""

    token: str
    token_type: str
    expires_in: int
    user_id: int


def _create(call: Call) -> Any:
    body: Credentials = call.body
    name = body.username or body.email
    if not name:
        raise InvalidInput(fields={"username": "is required"})
    login = call.system.part(Login)
    actor = login.by_password(name, body.password, call.request.remote_addr or "").actor
    return Token(
        token=login.issue(actor),
        token_type="Bearer",  # noqa: S106
        expires_in=login.tokens.expiry,
        user_id=actor.user_id,
    )


def _cancel(call: Call) -> Any:
    authenticator = call.system.part(Authenticator)
    header = call.request.get_header("Authorization") or call.request.get_header("Authentication")
    session = authenticator.session(header, call.request.remote_addr or "")
    if session.claims is None:
        raise InvalidInput(fields={"Authorization": "must be the Bearer token that is to be cancelled"})
    authenticator.login.cancel(session.claims)
    return True


OPERATIONS = (
    Operation("authenticate.create", "POST", "/authenticate", _create, "Get a token", body=Credentials, answer=Token,
              auth=False, errors=frozenset({401}),
              description="Failed attempts are counted per user name and per network address; too many of them answer"
              " 401 with `Retry-After`."),
    Operation("authenticate.cancel", "POST", "/authenticate/cancel", _cancel, "Cancel the token that is presented",
              answer=bool, errors=frozenset({412})),
)  # fmt: skip
