"""The program types ``receivesms`` and ``receiveemail``: they take what comes in for an account."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ictcore.spec import EMAIL, SMS, Compilation, InvalidInput, Plan, ProgramType, RouteRequest, single
from ictcore_program_basic.fields import Id, Keyword, Line, column, line, word


class ReceiveSmsParameters(msgspec.Struct, kw_only=True, frozen=True):
    """Which texts to take.

    :ivar account_id: those to this account's number.
    :ivar phone: those to this number, instead of the account's.
    :ivar keyword: only those whose first word is this one, in capital or small letters.
    """

    account_id: Id | None = None
    phone: Line = ""
    keyword: Keyword = ""

    def __post_init__(self) -> None:
        if self.account_id is None and not self.phone.strip():
            raise InvalidInput(fields={"account_id": "account_id or phone is required"})
        line("phone", self.phone)
        word("keyword", self.keyword)


class ReceiveSms(ProgramType):
    """Takes texts that come in."""

    name = "receivesms"
    service = SMS
    direction = "inbound"
    parameters = ReceiveSmsParameters
    references = MappingProxyType({"account_id": "account"})

    def compile(self, compilation: Compilation) -> Plan:
        """One step ``sms_receive`` with the number, and the keyword when there is one."""
        given: ReceiveSmsParameters = compilation.parameters
        data = {"phone": _called(given.phone, "phone", compilation.references)}
        if given.keyword:
            data["keyword"] = given.keyword
        return single("sms_receive", data)

    def routes(self, parameters: Any, references: Mapping[str, Mapping[str, Any]]) -> tuple[RouteRequest, ...]:
        """The number, with the keyword.

        :raises InvalidInput: the account has no number.
        """
        return (RouteRequest(SMS, _called(parameters.phone, "phone", references), parameters.keyword),)


class ReceiveEmailParameters(msgspec.Struct, kw_only=True, frozen=True):
    """Which mails to take.

    :ivar account_id: those to this account's address.
    :ivar email: those to this address, instead of the account's.
    """

    account_id: Id | None = None
    email: Line = ""

    def __post_init__(self) -> None:
        if self.account_id is None and not self.email.strip():
            raise InvalidInput(fields={"account_id": "account_id or email is required"})
        line("email", self.email)


class ReceiveEmail(ProgramType):
    """Takes mails that come in."""

    name = "receiveemail"
    service = EMAIL
    direction = "inbound"
    parameters = ReceiveEmailParameters
    references = MappingProxyType({"account_id": "account"})

    def compile(self, compilation: Compilation) -> Plan:
        """One step ``email_receive`` with the address."""
        given: ReceiveEmailParameters = compilation.parameters
        return single("email_receive", {"email": _called(given.email, "email", compilation.references)})

    def routes(self, parameters: Any, references: Mapping[str, Mapping[str, Any]]) -> tuple[RouteRequest, ...]:
        """The address.

        :raises InvalidInput: the account has no address.
        """
        return (RouteRequest(EMAIL, _called(parameters.email, "email", references)),)


def _called(given: str, name: str, references: Mapping[str, Mapping[str, Any]]) -> str:
    """What is called: the program's own value, or the account's; never empty, for that would take everything."""
    called = given.strip() or column(references, "account_id", name).strip()
    if not called:
        raise InvalidInput(fields={"account_id": f"the account has no {name}"})
    return called
