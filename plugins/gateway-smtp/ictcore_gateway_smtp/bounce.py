"""Mails about our own mails: delivery status notifications (RFC 3461, RFC 3464) and bounces in older forms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.message import Message
from typing import Final

from ictcore.spec import AttemptEvent, Delivered, Failed, Progress, cause
from ictcore_gateway_smtp.bounce_text import GENERIC, diagnose
from ictcore_gateway_smtp.decode import header, part_bytes
from ictcore_gateway_smtp.identity import attempt_of_bounce_address, attempt_of_envelope_id, attempt_of_message_id
from ictcore_gateway_smtp.inbound import plain_text
from ictcore_gateway_smtp.translate import cause_of_status

_STATUS: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_DAEMON: Final = re.compile(r"\b(mailer-daemon|postmaster|mail-daemon|double-bounce)\b", re.I)
_WORTH: Final = {"failed": 3, "delivered": 2, "relayed": 2, "expanded": 2, "delayed": 1}
_RETURNED: Final = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")


def read_bounce(mail: Message, *, sender: str, recipient: str, at: datetime) -> Sequence[AttemptEvent] | None:
    """What a mail tells about one of our attempts.

    :param sender: its envelope sender, ``""`` for the null sender of bounces.
    :param recipient: the address it came for, which may carry the attempt's id.
    :param at: aware UTC, when it came.
    :returns: the events, none when it is about an attempt and tells nothing (an automatic answer); ``None`` when it is
        no such mail but an ordinary one.
    """
    addressed = attempt_of_bounce_address(recipient)
    blocks = _status_blocks(mail)
    if blocks:
        attempt_id = addressed or _attempt_of_report(mail, blocks)
        if not attempt_id:
            return None
        event = _of_report(mail, blocks[1:] or blocks, attempt_id, at)
        return [event] if event is not None else []
    if not addressed and sender and not _DAEMON.search(sender):
        return None
    text = plain_text(mail)
    attempt_id = addressed or attempt_of_message_id(_all_text(mail, text))
    if not attempt_id:
        return None
    automatic = header(mail, "Auto-Submitted").lower().startswith("auto-replied")
    if automatic and not header(mail, "X-Failed-Recipients"):
        return []
    found = diagnose(header(mail, "Subject"), text, failed=bool(header(mail, "X-Failed-Recipients")))
    if found is None:
        return None if sender and not _DAEMON.search(sender) else []
    if found.delayed:
        return [_delayed(mail, attempt_id, at, found.code)]
    return [Failed(attempt_id=attempt_id, at=at, cause=found.cause, vendor_code=found.code, detail=found.detail)]


def _status_blocks(mail: Message) -> list[Message]:
    """The groups of fields of the first delivery-status part: one about the message, then one for each recipient."""
    for part in _walk(mail):
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            payload = part.get_payload()
            if isinstance(payload, list):
                return [block for block in payload if isinstance(block, Message) and block.keys()]
            return [_fields(group) for group in re.split(r"\r?\n\r?\n", str(payload or "")) if group.strip()]
    return []


def _fields(group: str) -> Message:
    block = Message()
    for line in re.sub(r"\r?\n[ \t]+", " ", group).splitlines():
        name, colon, value = line.partition(":")
        if colon and re.fullmatch(r"[!-9;-~]+", name):
            block[name] = value.strip()
    return block


def _walk(mail: Message) -> Iterator[Message]:
    """Each part but those within a returned mail: a bounce of a bounce tells of the outer one."""
    waiting = [mail]
    while waiting:
        part = waiting.pop(0)
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting += [child for child in payload if isinstance(child, Message)]


def _attempt_of_report(mail: Message, blocks: Sequence[Message]) -> str:
    for block in blocks:
        attempt_id = attempt_of_envelope_id(header(block, "Original-Envelope-Id"))
        if attempt_id:
            return attempt_id
    for part in _walk(mail):
        if part.get_content_type() in _RETURNED:
            payload = part.get_payload()
            if isinstance(payload, list) and payload and isinstance(payload[0], Message):
                attempt_id = attempt_of_message_id(header(payload[0], "Message-ID"))
            else:
                head = re.split(rb"\r?\n\r?\n", part_bytes(part).lstrip(), maxsplit=1)[0]
                attempt_id = attempt_of_message_id(_message_id_line(head.decode("utf-8", "replace")))
            if attempt_id:
                return attempt_id
    return ""


def _message_id_line(text: str) -> str:
    match = re.search(r"^message-id:\s*(<[^>]*>)", text, re.I | re.M)
    return "" if match is None else match[1]


def _of_report(mail: Message, blocks: Sequence[Message], attempt_id: str, at: datetime) -> AttemptEvent | None:
    def worth(block: Message) -> int:
        return _WORTH.get(_action(block), 0)

    block = max(blocks, key=worth)
    action = _action(block)
    match = _STATUS.search(header(block, "Status"))
    status = "" if match is None else match[1]
    diagnostic = header(block, "Diagnostic-Code")
    detail = diagnostic.partition(";")[2].strip() or diagnostic
    remote = header(block, "Remote-MTA").partition(";")[2].strip()
    data = {"remote_mta": remote} if remote else {}
    if action == "failed":
        why, code = _why(status, detail)
        return Failed(attempt_id=attempt_id, at=at, cause=why, vendor_code=code, detail=detail[:1000], data=data)
    if action == "delayed":
        return _delayed(mail, attempt_id, at, status)
    if action:
        word = f"{action} {status}".strip()
        return Delivered(attempt_id=attempt_id, at=at, vendor_code=word, data=data, confirmed=action == "delivered")
    return None


def _action(block: Message) -> str:
    words = header(block, "Action").lower().split()
    word = words[0].strip(";(") if words else ""
    return word if word in _WORTH else ""


def _why(status: str, detail: str) -> tuple[str, str]:
    """Cause and code of a failure, from the status field or, where that says nothing, from the server's own words."""
    match = _STATUS.search(detail)
    if status[1:] in ("", ".0.0") and match is not None:
        status = match[1]
    if status[1:] in ("", ".0.0"):
        found = diagnose("", detail, failed=True)
        if found is not None and found.cause != GENERIC:
            return found.cause, found.code or status
    if not status:
        return GENERIC, ""
    why = cause_of_status(status)
    # Given up after days of trying: only a new attempt, much later, makes sense.
    return (cause.EXPIRED if why == cause.TEMPORARY else why), status


def _delayed(mail: Message, attempt_id: str, at: datetime, code: str) -> Progress:
    key = header(mail, "Message-ID")[:200]
    return Progress(attempt_id=attempt_id, at=at, key=f"delayed {key}".strip(), name="delayed", vendor_code=code)


def _all_text(mail: Message, text: str) -> str:
    """Where a returned Message-ID may stand: References and In-Reply-To, the text, and a returned mail beside it."""
    found = [header(mail, "In-Reply-To"), header(mail, "References"), text]
    found += [
        part_bytes(part)[:65536].decode("utf-8", "replace")
        for part in _walk(mail)
        if part.get_content_type() in _RETURNED
    ]
    return "\n".join(found)
