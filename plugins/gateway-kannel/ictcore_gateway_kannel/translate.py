"""What Kannel and the SMSC behind it say, in the core's neutral words. The only place that knows their vocabulary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ictcore.spec import (
    Delivered,
    Failed,
    GatewayError,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    Progress,
    cause,
)
from ictcore_gateway_kannel.wire.frames import ACK_BUFFERED, ACK_FAILED, ACK_FAILED_TEMPORARILY, ACK_SUCCESS

DELIVERED: Final = 1
FAILED: Final = 2
BUFFERED: Final = 4
RELAYED: Final = 8
REJECTED: Final = 16
"""The bits of Kannel's ``dlr-mask``; a report has one of them."""

FINAL_MASK: Final = DELIVERED | FAILED | BUFFERED | REJECTED
"""What is asked for: the end of every message, and that it waits at the SMSC."""
RELAY_MASK: Final = FINAL_MASK | RELAYED
"""Also that the SMSC took it: one more report for each message."""

STATES: Final[Mapping[str, str]] = {
    "EXPIRED": cause.EXPIRED,
    "DELETED": cause.CANCELLED,
    "UNDELIV": cause.UNREACHABLE,
    "UNKNOWN": cause.TEMPORARY,
    "REJECTD": cause.REJECTED,
    "REJECTED": cause.REJECTED,
    "FAILED": cause.TEMPORARY,
    "SKIPPED": cause.CANCELLED,
    "NOROUTE": cause.NO_PROVIDER,
    "ABSENT": cause.UNREACHABLE,
    "BLACKLIST": cause.FORBIDDEN,
}
"""Final states of a failed message as SMSCs spell them (SMPP 3.4 appendix B, and words seen elsewhere)."""

COMMAND_STATUS: Final[Mapping[int, str]] = {
    0x01: cause.CONTENT,  # ESME_RINVMSGLEN
    0x08: cause.TEMPORARY,  # ESME_RSYSERR
    0x0A: cause.FORBIDDEN,  # ESME_RINVSRCADR
    0x0B: cause.UNALLOCATED,  # ESME_RINVDSTADR
    0x0D: cause.MISCONFIGURED,  # ESME_RBINDFAIL
    0x0E: cause.MISCONFIGURED,  # ESME_RINVPASWD
    0x14: cause.CONGESTION,  # ESME_RMSGQFUL
    0x45: cause.REJECTED,  # ESME_RSUBMITFAIL
    0x48: cause.FORBIDDEN,  # ESME_RINVSRCTON
    0x49: cause.FORBIDDEN,  # ESME_RINVSRCNPI
    0x50: cause.INVALID_ADDRESS,  # ESME_RINVDSTTON
    0x51: cause.INVALID_ADDRESS,  # ESME_RINVDSTNPI
    0x58: cause.CONGESTION,  # ESME_RTHROTTLED
    0x61: cause.REJECTED,  # ESME_RINVSCHED
    0x62: cause.EXPIRED,  # ESME_RINVEXPIRY
    0xFE: cause.TEMPORARY,  # ESME_RDELIVERYFAILURE
}
"""SMPP 3.4 section 5.1.3: ``command_status`` of a refused submission, as Kannel writes it into its report."""

_STAT = re.compile(r"\bstat:\s*([A-Za-z]+)")
_ERR = re.compile(r"\berr:\s*([0-9A-Za-z]+)")
_ID = re.compile(r"\bid:\s*(\S+)")
_STATUS = re.compile(r"^NACK/(?:0x([0-9a-fA-F]{1,8})|(\d{1,5}))/")
_WORD: Final = 200


def vendor_word(text: str) -> str:
    """The far side's own word in a report: ``stat:EXPIRED err:001``, or the whole text when it has no such fields."""
    stat = _STAT.search(text)
    if stat is None:
        return text.strip()[:_WORD]
    err = _ERR.search(text)
    return f"stat:{stat[1]} err:{err[1]}" if err else f"stat:{stat[1]}"


def failure_cause(mask: int, text: str) -> str:
    """Why a failed or rejected message failed.

    :param mask: ``FAILED`` or ``REJECTED``; ``text``: the report's text, as Kannel handed it over.
    """
    stat = _STAT.search(text)
    if stat is not None:
        found = STATES.get(stat[1].upper())
        if found is not None:
            return found
    status = _STATUS.match(text)
    if status is not None:
        code = int(status[1], 16) if status[1] else int(status[2])
        return COMMAND_STATUS.get(code, cause.REJECTED)
    if mask == REJECTED:
        upper = text.upper()
        if "EXPIRED" in upper or "VALIDITY" in upper:
            return cause.EXPIRED
        if "RETRIES EXCEEDED" in upper:
            return cause.TEMPORARY
        return cause.REJECTED
    return cause.UNREACHABLE


def report(
    attempt_id: str, mask: int, text: str, at: datetime, *, reports: bool = True, vendor_id: str = ""
) -> Delivered | Failed | Progress | None:
    """The event that a delivery report stands for; ``None`` for a bit that we do not know.

    :param reports: ``False``: the provider sends no final reports, so that "the SMSC took it" is the end.
    :param vendor_id: the SMSC's own id of the message, ``""`` when it gave none.
    """
    if mask == DELIVERED:
        word = vendor_word(text) if text else ""
        return Delivered(attempt_id=attempt_id, at=at, vendor_id=vendor_id, vendor_code=word)
    if mask in (FAILED, REJECTED):
        word = vendor_word(text) or ("rejected" if mask == REJECTED else "failed")
        detail = text.strip()[:_WORD] or f"delivery report {mask}"
        return Failed(attempt_id=attempt_id, at=at, cause=failure_cause(mask, text), vendor_code=word, detail=detail)
    if mask == BUFFERED:
        return Progress(attempt_id=attempt_id, at=at, key="buffered", name="buffered", vendor_code=vendor_word(text))
    if mask == RELAYED:
        if not reports:
            word = vendor_word(text)
            return Delivered(attempt_id=attempt_id, at=at, vendor_id=vendor_id, vendor_code=word, confirmed=False)
        return Progress(attempt_id=attempt_id, at=at, key="relayed", name="relayed", vendor_code=vendor_word(text))
    return None


def message_id(text: str, foreign_id: str) -> str:
    """The SMSC's own id of a message, from the report's text or the field that Kannel keeps it in."""
    if foreign_id:
        return foreign_id
    found = _ID.search(text) if text else None
    return found[1] if found else ""


def ack_error(nack: int) -> GatewayError | None:
    """What bearerbox's acknowledgement means; ``None``: taken (at once, or buffered until a link is up)."""
    if nack in (ACK_SUCCESS, ACK_BUFFERED):
        return None
    if nack == ACK_FAILED:
        return GatewayRejected(
            "no link takes this message, or its validity is over", cause=cause.NO_PROVIDER, vendor_code="nack 1"
        )
    if nack == ACK_FAILED_TEMPORARILY:
        return GatewayThrottled("the queue is full", retry_after=1.0, vendor_code="nack 2")
    return GatewayProtocolError(f"an acknowledgement of unknown kind {nack}", vendor_code=f"nack {nack}")


def sendsms_error(status: int, body: str) -> GatewayError | None:
    """What an answer of sendsms means; ``None``: taken.

    :param status: the HTTP status; ``body``: the answer's text, such as ``0: Accepted for delivery``.
    """
    word = f"{status} {body.strip()[:_WORD]}".strip()
    lower = body.lower()
    if status in (200, 202):
        if lower.startswith(("0:", "3:", "sent.")):
            return None
        return GatewayProtocolError("an answer that is none of sendsms", vendor_code=word)
    if "authorization failed" in lower or "authentication" in lower or status == 401:
        return GatewayMisconfigured("sendsms refuses the user, the password or our address", vendor_code=word)
    if "not routable" in lower:
        return GatewayRejected("no link takes this message", cause=cause.NO_PROVIDER, vendor_code=word)
    if status == 503 or "temporal" in lower or "temporar" in lower or "try again" in lower:
        return GatewayThrottled("sendsms asks for patience", retry_after=1.0, vendor_code=word)
    if status == 404:
        return GatewayMisconfigured("there is no sendsms at this path", vendor_code=word)
    if status in (400, 403):
        if "denied by white" in lower or "black" in lower:
            return GatewayRejected("the number is barred", cause=cause.FORBIDDEN, vendor_code=word)
        return GatewayRejected("sendsms refused the message", cause=cause.REJECTED, vendor_code=word)
    return GatewayProtocolError("an answer that is none of sendsms", vendor_code=word)
