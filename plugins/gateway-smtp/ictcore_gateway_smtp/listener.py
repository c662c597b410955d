"""Mail in by LMTP (RFC 2033) or SMTP: a message is answered with 250 only once it is stored."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Sequence
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from ictcore.spec import Event, Health, Receipt, Settings, Sink
from ictcore_gateway_smtp.inbound import BadMail
from ictcore_gateway_smtp.intake import NOT_YET, TAKEN, Answer, answer, events_of

log = logging.getLogger(__name__)
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd writes every line of every mail

LONGEST_LINE = 1024 * 1024
"""Bytes. RFC 5321 allows 1,000; a mail with longer lines is still a mail."""
MOST_RECIPIENTS = 1000


class _Lmtp(LMTP):
    line_length_limit = LONGEST_LINE

    async def push(self, status: Any) -> None:
        # These two of the library's own answers end a message, and LMTP wants one answer for each recipient.
        if isinstance(status, str) and status.startswith(("552 Error: Too much", "500 Line too long")):
            count = len(self.envelope.rcpt_tos) if self.envelope is not None else 1
            status = "\r\n".join([status] * max(1, count))
        await super().push(status)


class _Smtp(SMTP):
    line_length_limit = LONGEST_LINE


class _Handler:
    """What the mail server's commands do."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self._listener.lmtp and envelope.rcpt_tos:
            return "452 4.5.3 one recipient at a time"  # SMTP has one answer for all of them
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        answers = await self._listener.take(content, envelope.mail_from or "", list(envelope.rcpt_tos))
        return "\r\n".join(item.line for item in answers)

    async def handle_exception(self, error: Exception) -> str:
        log.error("a fault in the mail listener", exc_info=error)
        return "451 4.3.0 a fault here; send it again"


class Listener:
    """A server in a thread of its own."""

    def __init__(self, settings: Settings, sink: Sink) -> None:
        self.lmtp = settings["smtp.listen_protocol"] == "lmtp"
        self.host: str = settings["smtp.listen_host"]
        self.port: int = settings["smtp.listen_port"]
        self._size_limit: int = settings["smtp.size_limit"]
        self._store_timeout: float = settings["smtp.store_timeout"]
        self._sink = sink
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._connections: set[SMTP] = set()
        self._thread = threading.Thread(target=self._run, name="smtp-listener", daemon=True)
        self._stopping = asyncio.Event()
        self._fault = "not started"
        self._taken = 0
        self._unknown_events = 0

    def start(self) -> None:
        """Start the thread; returns at once. Keeps trying while the port is in use."""
        self._thread.start()

    def health(self) -> Health:
        """How it is."""
        name = "lmtp" if self.lmtp else "smtp"
        detail = {
            "address": f"{self.host}:{self.port}",
            "taken": self._taken,
            "unknown_events": self._unknown_events,
        }
        return Health(f"smtp {name} listener", self._fault, detail)

    def stop(self, timeout: float) -> None:
        """Close the server and all its connections. What was not answered will be sent again by the mail server."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout)

    async def take(self, content: bytes, sender: str, recipients: Sequence[str]) -> list[Answer]:
        """Store a message and wait until it is stored; the answer for each recipient."""
        try:
            found = await self._loop.run_in_executor(None, events_of, content, sender, recipients)
        except BadMail as error:
            return [Answer(554, "5.6.0", f"not accepted: {error}")] * len(recipients)
        flat: list[Event] = [event for events in found for event in events]
        receipt = await self._store(flat) if flat else None
        if flat and receipt is None:
            return [NOT_YET] * len(recipients)
        refusals = list(receipt.refusals) if receipt is not None else []
        answers, position = [], 0
        for events in found:
            mine = refusals[position : position + len(events)]
            position += len(events)
            answers.append(next((answer(refusal) for refusal in mine if refusal is not None), TAKEN))
        self._unknown_events += sum(not events for events in found)
        self._taken += sum(item is TAKEN for item in answers)
        return answers

    async def _store(self, events: Sequence[Event]) -> Receipt | None:
        future: asyncio.Future[Receipt] = self._loop.create_future()

        def settle(receipt: Receipt) -> None:
            if not future.done():
                future.set_result(receipt)

        def confirmed(receipt: Receipt) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(settle, receipt)

        try:
            receipt = self._sink.put(events)
        except Exception as error:
            log.warning("a mail could not be stored: %s", error)
            return None
        receipt.then(confirmed)
        try:
            return await asyncio.wait_for(future, self._store_timeout)
        except TimeoutError:
            return None

    def _protocol(self) -> SMTP:
        kind = _Lmtp if self.lmtp else _Smtp
        protocol = kind(
            _Handler(self),
            data_size_limit=self._size_limit,
            enable_SMTPUTF8=True,
            hostname=socket.gethostname(),
            ident="ready",
            loop=self._loop,
        )
        self._connections = {known for known in self._connections if known.transport is not None}
        self._connections.add(protocol)
        return protocol

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                self._server = await self._loop.create_server(self._protocol, self.host, self.port, reuse_address=True)
                break
            except OSError as error:
                self._fault = f"cannot listen on {self.host}:{self.port}: {error.strerror}"
            await self._pause(1.0)
        if self._server is not None:
            self._fault = ""
            await self._stopping.wait()
            self._fault = "stopped"
            self._server.close()
            await self._close_connections()
            await self._server.wait_closed()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _close_connections(self) -> None:
        for protocol in self._connections:
            if protocol.transport is not None:
                protocol.transport.abort()  # type: ignore[attr-defined]
        tasks = [task for task in asyncio.all_tasks(self._loop) if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
