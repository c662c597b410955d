"""The carrier's words and ours, in one table each."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ictcore.spec import Delivered, Event, Failed, GatewayError, GatewayRejected, Progress, Received, cause

CAUSES = {
    "unknown_number": cause.UNALLOCATED,
    "switched_off": cause.UNREACHABLE,
    "spam": cause.CONTENT,
    "expired": cause.EXPIRED,
}
"""The carrier's reason -> our cause. What is not here is ``rejected``, and its own word is kept."""


class Report(msgspec.Struct, tag="report"):
    """A delivery report as the carrier sends it."""

    id: str
    status: str
    code: str = ""


class Message(msgspec.Struct, tag="message", rename={"caller": "from", "called": "to"}):
    """An inbound text as the carrier sends it."""

    key: str
    caller: str
    called: str
    text: str


def refusal(code: str) -> GatewayError:
    """The decision that follows when the carrier refuses a text with this reason."""
    return GatewayRejected("the carrier refused it", cause=CAUSES.get(code, cause.REJECTED), vendor_code=code)


def event(heard: Report | Message, now: datetime) -> Event | None:
    """The neutral event, or ``None`` when the carrier's status is not known."""
    if isinstance(heard, Message):
        return Received(
            service="sms",
            gateway="example",
            called=heard.called,
            caller=heard.caller,
            key=heard.key,
            at=now,
            text=heard.text,
        )
    if heard.status == "delivered":
        return Delivered(attempt_id=heard.id, at=now, vendor_code=heard.code or heard.status)
    if heard.status == "failed":
        why = CAUSES.get(heard.code, cause.REJECTED)
        return Failed(attempt_id=heard.id, at=now, cause=why, vendor_code=heard.code or heard.status)
    if heard.status == "buffered":
        return Progress(attempt_id=heard.id, at=now, name="buffered", vendor_code=heard.status)
    return None
