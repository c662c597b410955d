"""A mail that came in, as bytes, to a neutral event. Hostile MIME is survived; what is beyond all limits is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import Message
from email.utils import getaddresses
from html import unescape
from typing import Final

from ictcore.spec import EMAIL, Part, Received
from ictcore_gateway_smtp import decode
from ictcore_gateway_smtp.decode import header, part_bytes, part_name, part_text

MOST_PARTS: Final = 1000
MOST_DEPTH: Final = 50
MOST_HEADERS: Final = 1000
LONGEST_HEADER: Final = 64 * 1024

KEPT: Final = (
    "Message-ID", "In-Reply-To", "References", "Date", "From", "To", "Cc", "Reply-To", "Sender", "Return-Path",
    "Authentication-Results", "Auto-Submitted", "List-Id", "Precedence", "X-Spam-Flag",
)  # fmt: skip
"""Headers that are handed on; repeated ones are joined by line ends."""

_TRACE: Final = ("received", "delivered-to", "x-original-to", "return-path", "x-envelope-to")


class BadMail(Exception):
    """The mail cannot be taken: it passes a limit that no honest mail comes near. The message says which."""


def parse(content: bytes) -> Message:
    """The mail's structure; any bytes are a mail.

    :raises BadMail: too many headers, one too long, too many parts, or parts too deep in each other.
    """
    try:
        mail = message_from_bytes(content, policy=policy.compat32)
        _check(mail)
    except RecursionError:
        raise BadMail("the parts are too deep in each other") from None
    return mail


def received(mail: Message, content: bytes, *, sender: str, recipient: str, at: datetime) -> Received:
    """The event for ``mail`` that came for ``recipient``.

    :param sender: envelope sender; used as the caller when the mail has no address in From.
    :param at: aware UTC.
    """
    text, html, parts = _contents(mail)
    headers = {}
    for name in KEPT:
        values = decode.headers(mail, name)
        if values:
            headers[name] = "\n".join(values)[:LONGEST_HEADER]
    if sender:
        headers.setdefault("Return-Path", f"<{sender}>")
    return Received(
        service=EMAIL,
        gateway="smtp",
        called=recipient,
        caller=_author(mail) or sender,
        key=_key(mail, content, sender, recipient),
        at=at,
        text=text,
        subject=header(mail, "Subject"),
        html=html,
        parts=tuple(parts),
        headers=headers,
    )


def recipient_of(mail: Message) -> str:
    """Whom the mail was for, by the headers that mail servers add on delivery, else by To; ``""`` when none tells."""
    for name in ("X-Original-To", "Delivered-To", "Envelope-To", "To"):
        addresses = [address for _, address in getaddresses([header(mail, name)]) if "@" in address]
        if addresses:
            return addresses[0]
    return ""


def plain_text(mail: Message) -> str:
    """The text of a mail for reading its words: its plain text, else its HTML without the marks."""
    text, html, _ = _contents(mail)
    return text or unescape(re.sub(r"<[^>]{0,2000}>", " ", re.sub(r"<br[^>]{0,100}>|</p>", "\n", html)))


def _author(mail: Message) -> str:
    for _, address in getaddresses([header(mail, "From")[:1000]]):
        if "@" in address:
            return address
    return ""


def _check(mail: Message) -> None:
    count = 0
    waiting = [(mail, 1)]
    while waiting:
        part, depth = waiting.pop()
        count += 1
        if count > MOST_PARTS:
            raise BadMail(f"it has more than {MOST_PARTS} parts")
        if depth > MOST_DEPTH:
            raise BadMail("the parts are too deep in each other")
        fields = list(part.raw_items())
        if len(fields) > MOST_HEADERS:
            raise BadMail(f"it has more than {MOST_HEADERS} header fields")
        if any(len(value) > LONGEST_HEADER for _, value in fields):
            raise BadMail(f"a header field is longer than {LONGEST_HEADER} bytes")
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting += [(child, depth + 1) for child in payload if isinstance(child, Message)]


def _leaves(mail: Message) -> Iterator[Message]:
    """The parts that hold something, in their order; a mail within the mail is one part."""
    waiting = [mail]
    while waiting:
        part = waiting.pop()
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting += reversed([child for child in payload if isinstance(child, Message)])
        else:
            yield part


def _contents(mail: Message) -> tuple[str, str, list[Part]]:
    text, html = "", ""
    parts = []
    for leaf in _leaves(mail):
        kind = leaf.get_content_type()
        name = part_name(leaf)
        attached = bool(name) or (leaf.get_content_disposition() == "attachment")
        if kind == "text/plain" and not attached and not text:
            text = part_text(leaf)
        elif kind == "text/html" and not attached and not html:
            html = part_text(leaf)
        else:
            content = part_bytes(leaf)
            if content or name:
                parts.append(Part(name=name, content_type=kind, content=content))
    return text, html, parts


def _key(mail: Message, content: bytes, sender: str, recipient: str) -> str:
    """The same for each delivery of one mail to one recipient, whatever trace fields were added on the way.

    The Message-ID alone would let one sender suppress another's mail by using it first.
    """
    digest = hashlib.sha256(f"{sender}\0{recipient.lower()}\0".encode("utf-8", "replace"))
    for name, value in mail.raw_items():
        if name.lower() not in _TRACE:
            digest.update(f"{name}:{value}\0".encode("utf-8", "surrogateescape"))
    body = content.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    digest.update(body)
    return digest.hexdigest()
