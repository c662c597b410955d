"""From SMTP replies and status codes to neutral causes, events and errors: the one table.

Sources: RFC 5321 section 4.2.3 (reply codes), RFC 3463 and the registry of enhanced status codes (RFC 5248).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from ictcore.spec import (
    Delivered,
    Event,
    Failed,
    GatewayError,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    NotSubmitted,
    Submitted,
    cause,
)
from ictcore_gateway_smtp.wire.client import CONTENT, DATA, MAIL, RCPT, Transaction
from ictcore_gateway_smtp.wire.replies import Reply

_BY_SUBJECT: Final = {
    # x.1: addressing
    "1.0": cause.UNALLOCATED,
    "1.1": cause.UNALLOCATED,
    "1.2": cause.UNALLOCATED,
    "1.3": cause.INVALID_ADDRESS,
    "1.4": cause.INVALID_ADDRESS,
    "1.6": cause.UNALLOCATED,
    "1.7": cause.FORBIDDEN,
    "1.8": cause.FORBIDDEN,
    "1.10": cause.UNALLOCATED,
    # x.2: mailbox
    "2.0": cause.UNREACHABLE,
    "2.1": cause.UNREACHABLE,
    "2.2": cause.UNREACHABLE,
    "2.3": cause.CONTENT,
    "2.4": cause.UNREACHABLE,
    # x.3: mail system
    "3.1": cause.CONGESTION,
    "3.2": cause.CONGESTION,
    "3.4": cause.CONTENT,
    # x.4: network and routing
    "4.1": cause.UNREACHABLE,
    "4.2": cause.UNREACHABLE,
    "4.3": cause.UNREACHABLE,
    "4.4": cause.UNREACHABLE,
    "4.5": cause.CONGESTION,
    "4.6": cause.REJECTED,
    "4.7": cause.EXPIRED,
    # x.6: content
    "6.0": cause.CONTENT,
    "6.1": cause.CONTENT,
    "6.2": cause.CONTENT,
    "6.3": cause.CONTENT,
    "6.5": cause.CONTENT,
    "6.7": cause.INVALID_ADDRESS,
    # x.7: security and policy
    "7.0": cause.REJECTED,
    "7.1": cause.FORBIDDEN,
    "7.2": cause.FORBIDDEN,
}

_BY_CODE: Final = {
    510: cause.UNALLOCATED,
    511: cause.UNALLOCATED,
    523: cause.CONTENT,
    541: cause.FORBIDDEN,
    550: cause.UNALLOCATED,
    551: cause.UNALLOCATED,
    552: cause.CONTENT,
    553: cause.INVALID_ADDRESS,
    556: cause.UNREACHABLE,
}
"""For servers without enhanced codes, by the basic one: as the answer to RCPT."""

_CONTENT_CODES: Final = {550: cause.CONTENT, 552: cause.CONTENT, 554: cause.CONTENT, 571: cause.CONTENT}
"""The same, as the answer to the content."""

_RATE: Final = re.compile(r"rate|too many|throttl|slow down|try again later|limit", re.I)
_QUEUED: Final = re.compile(r"queued as[ :=]+<?([\w.@-]+)>?|\bid=([\w-]+)", re.I)


def cause_of_status(status: str) -> str:
    """The cause that an enhanced status code such as ``5.1.1`` stands for; a 4.x.x that names no other is temporary."""
    kind, _, subject = status.partition(".")
    known = _BY_SUBJECT.get(subject)
    if kind == "4":
        return known if known in (cause.UNREACHABLE, cause.CONGESTION, cause.EXPIRED) else cause.TEMPORARY
    if known is None:
        return cause.FORBIDDEN if subject.startswith("7.") else cause.REJECTED
    if kind == "5" and known == cause.CONGESTION:
        return cause.REJECTED
    return known


def cause_of_reply(reply: Reply, stage: str) -> str:
    """The cause that a refusal stands for. ``stage``: the command that it answers."""
    if 400 <= reply.code < 500:
        return cause_of_status(reply.enhanced) if reply.enhanced else cause.TEMPORARY
    if reply.enhanced and not reply.enhanced.startswith("5.0."):
        return cause_of_status(reply.enhanced)
    if stage == RCPT:
        return _BY_CODE.get(reply.code, cause.REJECTED)
    if stage == MAIL:
        return cause.CONTENT if reply.code == 552 else cause.FORBIDDEN
    return _CONTENT_CODES.get(reply.code, cause.REJECTED)


def accepted(transaction: Transaction, reply: Reply, at: datetime) -> Event:
    """The event for a message that the server took."""
    attempt_id, text = transaction.attempt.id, reply.text
    match = _QUEUED.search(text)
    vendor_id = "" if match is None else match[1] or match[2]
    if transaction.waits_for_report:
        return Submitted(attempt_id=attempt_id, at=at, vendor_id=vendor_id)
    code = f"{reply.code} {text}"[:250]
    # Handed over: the next server has it now, and a bounce can still come.
    return Delivered(attempt_id=attempt_id, at=at, vendor_id=vendor_id, vendor_code=code, confirmed=False)


def refused(transaction: Transaction, stage: str, reply: Reply, at: datetime) -> Event:
    """The event for a message that the server did not take."""
    error = refusal(stage, reply)
    if error is None:
        return Failed(
            attempt_id=transaction.attempt.id,
            at=at,
            cause=cause_of_reply(reply, stage),
            vendor_code=reply.word,
            detail=f"the mail server answered {stage} with {reply.code} {reply.text}"[:1000],
        )
    return NotSubmitted(attempt_id=transaction.attempt.id, at=at, error=error)


def refusal(stage: str, reply: Reply) -> GatewayError | None:
    """The decision that a refusal asks for. ``None``: this recipient failed for now, and the retry rules decide."""
    code, word = reply.code, reply.word
    said = f"the mail server answered {stage} with {code} {reply.text}"[:1000]
    if code == 421:
        return GatewayUnavailable(said, vendor_code=word)
    if code in (530, 534, 535, 538):
        return GatewayMisconfigured(said, vendor_code=word)
    if 400 <= code < 500:
        if stage in (MAIL, DATA) or reply.enhanced in ("4.3.1", "4.3.2", "4.4.5"):
            # Before any recipient is named, or by its own words, the whole server is short of something.
            wait = 60.0 if _RATE.search(reply.text) else 15.0
            return GatewayThrottled(said, retry_after=wait, vendor_code=word)
        return None
    if 500 <= code <= 504:
        if stage == CONTENT or reply.enhanced:
            return GatewayRejected(said, cause=cause_of_reply(reply, stage), vendor_code=word)
        return GatewayRejected(said, cause=cause.PROTOCOL, vendor_code=word)
    return GatewayRejected(said, cause=cause_of_reply(reply, stage), vendor_code=word)


def lost(transaction: Transaction, *, left: bool, nonsense: str, reason: str, at: datetime) -> Event:
    """The event for a message that was under way when its connection ended.

    :param left: its final dot may have reached the server, so it may have been taken.
    :param nonsense: how the server broke the protocol, ``""`` when it did not.
    """
    error: GatewayError
    if not left:
        error = GatewayUnavailable(f"the message was not taken: {nonsense or reason}")
    elif nonsense:
        error = GatewayProtocolError(f"the whole message had left when the mail server broke the protocol: {nonsense}")
    else:
        error = GatewayUncertain(f"the whole message had left and no answer came: {reason}")
    return NotSubmitted(attempt_id=transaction.attempt.id, at=at, error=error)


__all__ = [
    "accepted",
    "cause_of_reply",
    "cause_of_status",
    "lost",
    "refusal",
    "refused",
]
