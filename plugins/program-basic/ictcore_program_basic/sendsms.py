"""The program type ``sendsms``: one text."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec

from ictcore.spec import SMS, Compilation, InvalidInput, Plan, ProgramType, RouteRequest, has_tokens, single
from ictcore_program_basic.fields import (
    LONGEST_SMS,
    Id,
    Line,
    SmsText,
    column,
    line,
    rendered,
    rendered_sender,
)


class SendSmsParameters(msgspec.Struct, kw_only=True, frozen=True):
    """What to send: a stored text, or one written here.

    :ivar text_id: the stored text.
    :ivar message: the text itself; may hold tokens such as ``[contact:first_name]``.
    :ivar sender: ``from`` in JSON: the number or name that it comes from, instead of the account's number.
    """

    text_id: Id | None = None
    message: SmsText | None = None
    sender: Line | None = msgspec.field(default=None, name="from")

    def __post_init__(self) -> None:
        if self.text_id is None and self.message is None:
            raise InvalidInput(fields={"text_id": "text_id or message is required"})
        if self.text_id is not None and self.message is not None:
            raise InvalidInput(fields={"message": "give text_id or message, not both"})
        line("from", self.sender or "")
        if self.sender and not has_tokens(self.sender):  # what has some is checked when it is compiled
            rendered_sender("from", self.sender, Compilation(self))


class SendSms(ProgramType):
    """Sends one text to the contact."""

    name = "sendsms"
    service = SMS
    direction = "outbound"
    parameters = SendSmsParameters
    references = MappingProxyType({"text_id": "text"})

    def compile(self, compilation: Compilation) -> Plan:
        """One step ``sms_send`` with ``text`` and, when the program names one, ``from``."""
        given: SendSmsParameters = compilation.parameters
        if given.message is not None:
            field, source = "message", given.message
        else:
            field, source = "text_id", column(compilation.references, "text_id", "data")
        text = rendered(field, source, compilation, limit=LONGEST_SMS)
        if not text.strip():
            raise InvalidInput(fields={field: "the text is empty"})
        data = {"text": text}
        if given.sender and (sender := rendered_sender("from", given.sender, compilation)):
            data["from"] = sender
        return single("sms_send", data)

    def routes(self, parameters: Any, references: Any) -> tuple[RouteRequest, ...]:
        """None: it does not take messages."""
        return ()
