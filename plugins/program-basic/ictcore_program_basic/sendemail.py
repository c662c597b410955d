"""The program type ``sendemail``: one mail."""

from __future__ import annotations

from html import escape
from types import MappingProxyType
from typing import Any

import msgspec

from ictcore.spec import EMAIL, Compilation, InvalidInput, Plan, ProgramType, RouteRequest, has_tokens, single
from ictcore_program_basic.fields import (
    LONGEST_BODY,
    Body,
    Id,
    Line,
    Link,
    Subject,
    column,
    line,
    no_nul,
    rendered,
    rendered_address,
    rendered_line,
    rendered_uri,
)

_CHECKS = {
    "subject": rendered_line,
    "from": rendered_address,
    "from_name": rendered_line,
    "reply_to": rendered_address,
    "list_unsubscribe": rendered_uri,
}


class SendEmailParameters(msgspec.Struct, kw_only=True, frozen=True):
    """What to send: a stored template, or a mail written here.

    :ivar template_id: the stored template, with its attachments.
    :ivar subject: one line; may hold tokens.
    :ivar body: the HTML text; what its tokens bring is escaped.
    :ivar body_alt: the plain text.
    :ivar sender: ``from`` in JSON: the address that it comes from, instead of the account's.
    :ivar from_name: the name beside that address.
    :ivar reply_to: where answers go.
    :ivar list_unsubscribe: link that ends the subscription (RFC 2369, RFC 8058): ``https://…`` or ``mailto:…``.
    """

    template_id: Id | None = None
    subject: Subject = ""
    body: Body = ""
    body_alt: Body = ""
    sender: Line = msgspec.field(default="", name="from")
    from_name: Line = ""
    reply_to: Line = ""
    list_unsubscribe: Link = ""

    def __post_init__(self) -> None:
        written = {name for name in ("subject", "body", "body_alt") if getattr(self, name)}
        if self.template_id is None and not written:
            raise InvalidInput(fields={"template_id": "template_id, or subject, body or body_alt, is required"})
        if self.template_id is not None and written:
            raise InvalidInput(fields=dict.fromkeys(sorted(written), "give it or template_id, not both"))
        nothing = Compilation(self)
        for field, value in self._lines().items():
            line(field, value)
            if not has_tokens(value):  # what has some is checked when it is compiled
                _CHECKS[field](field, value, nothing)

    def _lines(self) -> dict[str, str]:
        return {
            "subject": self.subject,
            "from": self.sender,
            "from_name": self.from_name,
            "reply_to": self.reply_to,
            "list_unsubscribe": self.list_unsubscribe,
        }

    def headers(self, compilation: Compilation) -> dict[str, str]:
        """The rendered lines that are set, without the subject.

        :raises InvalidInput: one of them is wrong once its tokens are replaced.
        """
        lines = {field: _CHECKS[field](field, value, compilation) for field, value in self._lines().items() if value}
        lines.pop("subject", None)
        return {field: value for field, value in lines.items() if value}


class SendEmail(ProgramType):
    """Sends one mail to the contact."""

    name = "sendemail"
    service = EMAIL
    direction = "outbound"
    parameters = SendEmailParameters
    references = MappingProxyType({"template_id": "template"})

    def compile(self, compilation: Compilation) -> Plan:
        """One step ``email_send`` with ``subject``, ``text``, ``html`` and ``attachments``.

        ``text`` or ``html`` is ``""`` when the mail has none. ``attachments``: ``{name, content_type, digest, size}``.
        And ``from``, ``from_name``, ``reply_to`` and ``list_unsubscribe``, as far as the program has them.
        """
        given: SendEmailParameters = compilation.parameters
        if given.template_id is None:
            subject, html, text, attachments = given.subject, given.body, given.body_alt, []
        else:
            rows = compilation.references
            subject, html, text = (column(rows, "template_id", name) for name in ("subject", "body", "body_alt"))
            attachments = [_attachment(file) for file in rows["template_id"].get("attachments") or ()]
        field = "subject" if given.template_id is None else "template_id"
        return single(
            "email_send",
            {
                "subject": rendered_line(field, subject, compilation),
                "text": rendered("body_alt", text, compilation, limit=LONGEST_BODY),
                "html": rendered("body", html, compilation, limit=LONGEST_BODY, escape=_escape),
                "attachments": attachments,
                **given.headers(compilation),
            },
        )

    def routes(self, parameters: Any, references: Any) -> tuple[RouteRequest, ...]:
        """None: it does not take messages."""
        return ()


def _escape(value: str) -> str:
    return escape(no_nul(value))


def _attachment(row: Any) -> dict[str, Any]:
    return {
        "name": str(row["name"]),
        "content_type": str(row["content_type"]),
        "digest": str(row["digest"]),
        "size": int(row["size"]),
    }
