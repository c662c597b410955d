"""The part of a message's header that many messages share: all but To, Message-ID and Date."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ictcore_gateway_smtp.addresses import domain_of, wire_address
from ictcore_gateway_smtp.headers import BadHeader, mailbox, refuse_breaks, structured, unstructured

OWN: Final = frozenset(
    {
        "bcc", "cc", "date", "from", "list-unsubscribe", "list-unsubscribe-post", "message-id", "mime-version",
        "received", "reply-to", "return-path", "sender", "subject", "to",
    }
)  # fmt: skip
"""Headers that a plan cannot set by name: each has a field of its own, or is ours alone."""

_REFERENCES: Final = frozenset({"in-reply-to", "references", "list-id", "auto-submitted", "precedence"})
"""Headers that are syntax, not text: encoded words are not allowed in them."""
_URI: Final = re.compile(r"(?:https://|mailto:)[!-;=?-~]{1,1000}", re.I)
_MOST_HEADERS: Final = 100


@dataclass(frozen=True, slots=True)
class Head:
    """:ivar fields: the header fields; ``address``: what the message comes from; ``domain``: that of its Message-ID;
    ``plain``: whether all of it is ASCII."""

    fields: bytes
    address: str
    domain: bytes
    plain: bool

    @classmethod
    def build(cls, sender: str, data: Mapping[str, Any]) -> Head:
        """The head of a message from ``sender`` with the plan's ``data``.

        :raises BadAddress: ``sender`` or ``reply_to`` is no address.
        :raises BadHeader: a header's name or value cannot be sent.
        """
        address = wire_address(sender)
        name = _text("from_name", data.get("from_name"))
        fields = [
            f"From: {mailbox(name, address)}\r\n".encode(),
            unstructured("Subject", _text("subject", data.get("subject"))),
            b"MIME-Version: 1.0\r\n",
        ]
        reply_to = _text("reply_to", data.get("reply_to"))
        if reply_to:
            fields.append(f"Reply-To: {wire_address(reply_to)}\r\n".encode())
        extra = data.get("headers") or {}
        if not isinstance(extra, Mapping) or len(extra) > _MOST_HEADERS:
            raise BadHeader(f"headers is no object with at most {_MOST_HEADERS} members")
        fields += [_extra(str(key), _text(str(key), value)) for key, value in extra.items()]
        unsubscribe = _text("list_unsubscribe", data.get("list_unsubscribe"))
        if unsubscribe:
            fields += _unsubscribe(unsubscribe)
            if "auto-submitted" not in map(str.lower, extra):
                # A mailing has nobody waiting for "out of office" answers (RFC 3834, section 5).
                fields.append(b"Auto-Submitted: auto-generated\r\n")
        joined = b"".join(fields)
        return cls(joined, address, _id_domain(address).encode("ascii"), joined.isascii())


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadHeader(f"{name} is no text")
    return refuse_breaks(name, value)


def _extra(name: str, value: str) -> bytes:
    lower = name.lower()
    if lower in OWN or lower.startswith(("content-", "resent-", "dkim-", "arc-")):
        raise BadHeader(f"{name} cannot be set")
    return structured(name, value) if lower in _REFERENCES else unstructured(name, value)


def _unsubscribe(uri: str) -> list[bytes]:
    """RFC 2369; for a web address also the one-click form of RFC 8058."""
    if not _URI.fullmatch(uri):
        raise BadHeader("list_unsubscribe is neither an https: nor a mailto: address")
    fields = [f"List-Unsubscribe: <{uri}>\r\n".encode("ascii")]
    if uri[:5].lower() == "https":
        fields.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    return fields


def _id_domain(address: str) -> str:
    domain = domain_of(address)
    return "localhost" if domain.startswith("[") else domain
