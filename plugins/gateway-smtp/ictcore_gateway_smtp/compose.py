"""Building messages, fast: what many messages have in common is built once and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

from ictcore.spec import Attempt, GatewayMisconfigured, GatewayRejected, Step, cause
from ictcore_gateway_smtp import mime
from ictcore_gateway_smtp.addresses import BadAddress, wire_address
from ictcore_gateway_smtp.cache import ByteCache
from ictcore_gateway_smtp.head import Head
from ictcore_gateway_smtp.headers import BadHeader
from ictcore_gateway_smtp.identity import bounce_address
from ictcore_gateway_smtp.wire.client import Transaction
from ictcore_gateway_smtp.wire.dots import END, stuff

APPLICATION: Final = "email_send"
_BODIES: Final = 64 * 1024 * 1024
_FILES: Final = 128 * 1024 * 1024


class Composer:
    """Builds the messages of one provider. For one thread.

    :param media_path: finds a stored file by its digest; raises :class:`ValueError` for what is no digest.
    :param sender: address used when an attempt has none, ``""`` for none.
    :param bounce_base: envelope sender without the attempt's id, ``""``: the sender's address is used.
    :param reports: ask for delivery status notifications where the server can send them.
    """

    def __init__(
        self,
        media_path: Callable[[str], Path],
        *,
        sender: str = "",
        bounce_base: str = "",
        reports: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._media_path = media_path
        self._sender = sender
        self._bounce_base = bounce_base
        self._reports = reports
        self._clock = clock
        self._bodies = ByteCache(_BODIES)
        self._files = ByteCache(_FILES)
        self._date: tuple[int, bytes] = (0, b"")
        self._heads: dict[tuple[Any, ...], Head] = {}

    def __call__(self, attempt: Attempt, capabilities: Mapping[str, str]) -> Transaction:
        """The message of ``attempt`` for a server with ``capabilities`` (EHLO keyword -> parameters).

        Reads attachments that are not in the cache from the disk.

        :raises GatewayRejected: it can never be sent: an address, a header or an attachment is bad, or the server
            cannot take it (too large, or it cannot take addresses outside ASCII).
        :raises GatewayMisconfigured: there is no address to send from.
        """
        now = self._clock()
        expires = attempt.expires_at
        if expires is not None and expires.timestamp() <= now:
            raise GatewayRejected("it expired before it could be sent", cause=cause.EXPIRED)
        step = _mail_step(attempt)
        data = step.data
        try:
            destination = wire_address(attempt.destination)
            head = self._head(attempt.source, data)
        except BadAddress as error:
            raise GatewayRejected(f"a bad address: {error}", cause=cause.INVALID_ADDRESS) from None
        except BadHeader as error:
            raise GatewayRejected(f"a bad header: {error}", cause=cause.CONTENT) from None
        body = self._body(data.get("text") or "", data.get("html") or "", data.get("attachments") or ())
        mark = b"".join(
            (
                b"To: ",
                destination.encode("utf-8"),
                b"\r\nMessage-ID: <",
                attempt.id.encode("ascii"),
                b"@",
                head.domain,
                b">\r\nDate: ",
                self._now(int(now)),
                b"\r\n",
            )
        )
        envelope = self._envelope(attempt.id, head.address)
        content = b"".join((head.fields, mark, body))
        plain = head.plain and destination.isascii() and envelope.isascii()
        return self._transaction(attempt, envelope, destination, content, capabilities, plain)

    def _transaction(
        self,
        attempt: Attempt,
        envelope: str,
        destination: str,
        content: bytes,
        capabilities: Mapping[str, str],
        plain: bool,
    ) -> Transaction:
        mail = f"MAIL FROM:<{envelope}>"
        rcpt = f"RCPT TO:<{destination}>"
        if "SIZE" in capabilities:
            limit = capabilities["SIZE"]
            if limit.isdigit() and 0 < int(limit) < len(content):
                raise GatewayRejected(
                    f"{len(content)} bytes are more than the {limit} that the mail server takes", cause=cause.CONTENT
                )
            mail += f" SIZE={len(content)}"
        if not plain:
            if "SMTPUTF8" not in capabilities:
                raise GatewayRejected(
                    "the mail server cannot take addresses outside ASCII", cause=cause.INVALID_ADDRESS
                )
            mail += " SMTPUTF8" if "8BITMIME" not in capabilities else " BODY=8BITMIME SMTPUTF8"
        waits = self._reports and "DSN" in capabilities
        if waits:
            mail += f" RET=HDRS ENVID={attempt.id}"
            rcpt += " NOTIFY=SUCCESS,FAILURE,DELAY"
        return Transaction(attempt, f"{mail}\r\n".encode(), f"{rcpt}\r\n".encode(), content, waits_for_report=waits)

    def _envelope(self, attempt_id: str, address: str) -> str:
        return bounce_address(attempt_id, self._bounce_base) if self._bounce_base else address

    def _now(self, second: int) -> bytes:
        if self._date[0] != second:
            self._date = (second, formatdate(second, localtime=True).encode("ascii"))
        return self._date[1]

    def _head(self, source: str, data: Mapping[str, Any]) -> Head:
        extra = data.get("headers")
        key = (
            source,
            data.get("subject"),
            data.get("from"),
            data.get("from_name"),
            data.get("reply_to"),
            data.get("list_unsubscribe"),
            tuple(extra.items()) if extra else None,
        )
        try:
            head = self._heads.get(key)
        except TypeError:
            raise BadHeader("a value is no text") from None
        if head is None:
            address = data.get("from") or source or self._sender
            if not address:
                raise GatewayMisconfigured("neither the account nor the provider has an address to send from")
            head = Head.build(str(address), data)
            if len(self._heads) >= 1000:
                del self._heads[next(iter(self._heads))]
            self._heads[key] = head
        return head

    def _body(self, text: str, html: str, attachments: Sequence[Mapping[str, Any]]) -> bytes:
        """Content headers, body and final dot, dots doubled."""
        files = tuple(
            (str(item["digest"]), str(item.get("name") or ""), str(item.get("content_type") or ""))
            for item in attachments
        )
        key = (text, html, files)
        body = self._bodies.get(key)
        if body is not None:
            return body
        parts = [mime.text_part("plain", text)] if text or not html else []
        if html:
            parts.append(mime.text_part("html", html))
        whole = parts[0] if len(parts) == 1 else mime.multipart("alternative", parts)
        if files:
            whole = mime.multipart(
                "mixed", [whole, *(mime.file_head(name, kind) + self._file(digest) for digest, name, kind in files)]
            )
        return self._bodies.put(key, stuff(whole) + END)

    def _file(self, digest: str) -> bytes:
        encoded = self._files.get(digest)
        if encoded is None:
            try:
                encoded = mime.base64_lines(self._media_path(digest).read_bytes())
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise GatewayRejected(f"an attachment cannot be read: {reason}", cause=cause.INTERNAL) from None
            self._files.put(digest, encoded)
        return encoded


def _mail_step(attempt: Attempt) -> Step:
    for step in attempt.plan.steps:
        if step.application == APPLICATION:
            return step
    raise GatewayRejected("the plan has no step that sends e-mail", cause=cause.PROGRAM)
