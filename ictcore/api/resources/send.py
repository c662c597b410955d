"""``/send``: one call that sends, and creates what it needs"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import Operation
from ictcore.api.resources.templates import Subject
from ictcore.api.resources.texts import Data
from ictcore.api.resources.transmissions import Tries
from ictcore.api.types import NO_CONTROL, Content, Email, Id, Line, Struct
from ictcore.usecases import attachments, send
from ictcore.usecases.idempotency import FIELD, once
from ictcore.usecases.schedule import moment

Number = Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_CONTROL)] | Annotated[int, Meta(ge=0, le=10**15)]
Address = Annotated[str, Meta(min_length=1, max_length=254, pattern=NO_CONTROL)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Epoch = Annotated[float, Meta(ge=0, le=1e11)]
FileName = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_CONTROL)]
Unsubscribe = Annotated[str, Meta(max_length=998, pattern=NO_CONTROL)]


class Schedule(Struct):
    """When to send: one of these."""

    delay: Seconds | UnsetType = UNSET
    timestamp: Epoch | UnsetType = UNSET
    datetime: Line | UnsetType = UNSET


class Sending(Struct):
    """What all of these requests have: exactly one of ``to`` and ``contact_id``, and how it is sent."""

    contact_id: Id | UnsetType | None = UNSET
    account_id: Id | UnsetType | None = UNSET
    title: Line | UnsetType | None = UNSET
    schedule: Schedule | UnsetType | None = UNSET
    try_allowed: Tries | UnsetType = UNSET


class Sms(Sending, kw_only=True):
    """A text to one number or contact. ``from``: the number or name that it comes from, else the account's number."""

    text: Data
    to: Number | UnsetType | None = UNSET
    sender: Line | UnsetType | None = msgspec.field(default=UNSET, name="from")


class AttachedFile(Struct, kw_only=True):
    """A file; ``content`` in Base64."""

    name: FileName
    content: bytes
    content_type: Line | UnsetType = UNSET


class Mail(Sending, kw_only=True):
    """A mail to one address or contact, with ``text`` or ``html`` or both."""

    subject: Subject
    to: Address | UnsetType | None = UNSET
    text: Content | UnsetType | None = UNSET
    html: Content | UnsetType | None = UNSET
    sender: Email | UnsetType | None = msgspec.field(default=UNSET, name="from")
    from_name: Line | UnsetType | None = UNSET
    reply_to: Email | UnsetType | None = UNSET
    list_unsubscribe: Unsubscribe | UnsetType | None = UNSET
    attachments: Annotated[list[AttachedFile], Meta(max_length=attachments.MOST)] | UnsetType = UNSET


class Sent(Struct):
    """What was made and queued."""

    transmission_id: int
    spool_id: int
    contact_id: int
    program_id: int


def _sms(call: Call) -> Any:
    body: Sms = call.body
    return _once(
        call,
        "send.sms",
        lambda: send.sms(call.system, call.actor, _wanted(call, body.to), body.text, sender=_text(body.sender)),
    )


def _email(call: Call) -> Any:
    body: Mail = call.body
    files = [
        send.File(
            attachments.file_name(f"attachments[{number}].name", file.name),
            attachments.content_type(f"attachments[{number}].content_type", _text(file.content_type) or ""),
            file.content,
        )
        for number, file in enumerate(body.attachments or ())
    ]
    extra = {
        "from": _text(body.sender),
        "from_name": _text(body.from_name),
        "reply_to": _text(body.reply_to),
        "list_unsubscribe": _text(body.list_unsubscribe),
    }
    return _once(
        call,
        "send.email",
        lambda: send.email(
            call.system,
            call.actor,
            _wanted(call, body.to),
            subject=body.subject,
            text=_text(body.text) or "",
            html=_text(body.html) or "",
            files=files,
            extra=extra,
        ),
    )


def _once(call: Call, operation: str, work: Any) -> Any:
    outcome = once(call.system, call.actor, operation, call.request.get_header(FIELD), call.body, work)
    if outcome.replayed:
        call.response.set_header("Idempotent-Replayed", "true")
    return outcome.answer


def _wanted(call: Call, to: Any) -> send.Wanted:
    body: Sending = call.body
    schedule = body.schedule or None
    due = None
    if schedule is not None:
        due = moment(
            call.system.now(),
            delay=_value(schedule.delay),
            timestamp=_value(schedule.timestamp),
            at=_value(schedule.datetime),
        )
    return send.Wanted(
        to=None if _value(to) is None else str(to),
        contact_id=_value(body.contact_id),
        account_id=_value(body.account_id),
        title=_text(body.title) or "",
        try_allowed=1 if body.try_allowed is UNSET else body.try_allowed,
        not_before=due,
    )


def _value(value: Any) -> Any:
    return None if value is UNSET else value


def _text(value: Any) -> str | None:
    """A text that says something, else ``None``."""
    return value or None if isinstance(value, str) else None


_HEADERS = {FIELD: "1 to 255 visible ASCII characters; a repeated request with the same key gets the first answer."}
_PERMISSIONS = ("transmission_create", "transmission_send", "program_create")

OPERATIONS = (
    Operation("send.sms", "POST", "/send/sms", _sms, "Send a text", (*_PERMISSIONS, "text_create"), body=Sms,
              answer=Sent, errors=frozenset({501}), headers=_HEADERS),
    Operation("send.email", "POST", "/send/email", _email, "Send a mail", (*_PERMISSIONS, "template_create"),
              body=Mail, answer=Sent, errors=frozenset({501}), headers=_HEADERS),
)  # fmt: skip
