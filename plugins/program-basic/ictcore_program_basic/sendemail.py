"""The program type ``sendemail``: one mail."""

from __future__ import annotations

from html import escape
from types import MappingProxyType
from typing import Any

import msgspec

from ictcore.spec import EMAIL, Compilation, InvalidInput, Plan, ProgramType, RouteRequest, single
from ictcore_program_basic.fields import (
    LONGEST_BODY,
    Body,
    Id,
    Subject,
    column,
    line,
    no_nul,
    rendered,
    rendered_line,
)


class SendEmailParameters(msgspec.Struct, kw_only=True, frozen=True):
    """What to send: a stored template, or a mail written here.

    :ivar template_id: the stored template, with its attachments.
    :ivar subject: one line; may hold tokens.
    :ivar body: the HTML text; what its tokens bring is escaped.
    :ivar body_alt: the plain text.
    """

    template_id: Id | None = None
    subject: Subject = ""
    body: Body = ""
    body_alt: Body = ""

    def __post_init__(self) -> None:
        written = {name for name in ("subject", "body", "body_alt") if getattr(self, name)}
        if self.template_id is None and not written:
            raise InvalidInput(fields={"template_id": "template_id, or subject, body or body_alt, is required"})
        if self.template_id is not None and written:
            raise InvalidInput(fields=dict.fromkeys(sorted(written), "give it or template_id, not both"))
        line("subject", self.subject)


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
