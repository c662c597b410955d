"""The second half of an SMTP client: messages. No I/O.

With PIPELINING (RFC 2920) a message's content and the next message's MAIL, RCPT and DATA leave in one write, so that
each message costs one round trip. Without it every command waits for its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ictcore.spec import Attempt
from ictcore_gateway_smtp.wire.dots import END
from ictcore_gateway_smtp.wire.handshake import Handshake, Options
from ictcore_gateway_smtp.wire.replies import Reply

MAIL: Final = "MAIL"
RCPT: Final = "RCPT"
DATA: Final = "DATA"
CONTENT: Final = "content"


class Transaction:
    """One message for one recipient.

    :ivar mail: the whole MAIL command with its CRLF; ``rcpt``: the RCPT command.
    :ivar content: the message, dots doubled, with the final dot.
    """

    __slots__ = ("attempt", "content", "mail", "rcpt", "refusal", "stage", "waits_for_report")

    def __init__(
        self, attempt: Attempt, mail: bytes, rcpt: bytes, content: bytes, *, waits_for_report: bool = False
    ) -> None:
        self.attempt = attempt
        self.mail = mail
        self.rcpt = rcpt
        self.content = content
        self.waits_for_report = waits_for_report
        self.stage = ""
        self.refusal: Reply | None = None

    def refuse(self, stage: str, reply: Reply) -> None:
        """Remember the first command that was refused; later ones only follow from it."""
        if self.refusal is None:
            self.stage, self.refusal = stage, reply


class Owner(Protocol):
    """Gives messages to a client and hears what became of them."""

    def take(self, client: SmtpClient) -> Transaction | None:
        """The next message to send, ``None`` when there is none now."""
        ...

    def accepted(self, transaction: Transaction, reply: Reply) -> None:
        """The server took the message."""
        ...

    def refused(self, transaction: Transaction, stage: str, reply: Reply) -> None:
        """The server did not take the message; nothing of it is kept there."""
        ...


@dataclass(frozen=True, slots=True)
class Loss:
    """A message that was under way when the connection ended. ``left``: its final dot may have reached the server."""

    transaction: Transaction
    left: bool


class SmtpClient(Handshake):
    """One connection's protocol machine. Not thread-safe.

    :ivar current: the message whose commands are under way; ``content``: the one whose final answer is awaited.
    :ivar settled: how many messages the server gave a final answer to.
    :ivar draining: take no more messages.
    """

    def __init__(self, options: Options, owner: Owner) -> None:
        super().__init__(options)
        self._owner = owner
        self.current: Transaction | None = None
        self.content: Transaction | None = None
        self.settled = 0
        self.taken = 0
        self.draining = False
        self._content_end = 0
        self._reset_due = False

    @property
    def idle(self) -> bool:
        """Ready, and nothing under way."""
        return self.ready and not self.closing and self.current is None and self.content is None

    @property
    def free(self) -> bool:
        """Whether another message could be begun now."""
        return (
            self.ready
            and self.current is None
            and not self.closing
            and not self.draining
            and (self.pipelining or self.content is None)
        )

    def fill(self) -> None:
        """Begin the next message, when there is one and it can be begun now; say goodbye when there shall be none."""
        limit = self.options.limit
        if self.draining or (limit and self.taken >= limit):
            self.quit()
            return
        if not self.free:
            return
        transaction = self._owner.take(self)
        if transaction is None:
            return
        self.taken += 1
        self.current = transaction
        if self._reset_due:
            self._reset_due = False
            self._command(b"RSET\r\n", self._on_reset)
            if not self.pipelining:
                return
        if self.pipelining:
            self._write(transaction.mail + transaction.rcpt + b"DATA\r\n")
            self._expected.extend((self._on_mail, self._on_rcpt, self._on_data))
        else:
            self._command(transaction.mail, self._on_mail)

    def quit(self) -> None:
        """Say goodbye; only when :attr:`idle`."""
        self.draining = True
        if self.idle:
            self._write(b"QUIT\r\n")
            self.closing = True

    def losses(self, sent: int) -> list[Loss]:
        """What was under way when the connection ended; empties the client.

        :param sent: how many bytes were handed to the system since the connection began.
        """
        found = []
        if self.content is not None:
            found.append(Loss(self.content, left=sent >= self._content_end))
        if self.current is not None:
            found.append(Loss(self.current, left=False))
        self.content = self.current = None
        self._expected.clear()
        return found

    def _command(self, line: bytes, answer: Callable[[Reply], None]) -> None:
        self._write(line)
        self._expected.append(answer)

    def _become_ready(self) -> None:
        super()._become_ready()
        self.fill()

    def _leaving(self, reply: Reply) -> None:
        """421: the service closes. What was asked last is not done, and an answer to the final dot is a refusal."""
        super()._leaving(reply)
        content, current = self.content, self.current
        self.content = self.current = None
        self._expected.clear()
        if content is not None:
            self._owner.refused(content, CONTENT, reply)
        if current is not None:
            self._owner.refused(current, MAIL, reply)

    def _on_reset(self, reply: Reply) -> None:
        if reply.code >= 300:
            self._broken(f"RSET was answered with {reply.word}")
        elif not self.pipelining and self.current is not None:
            self._command(self.current.mail, self._on_mail)

    def _on_mail(self, reply: Reply) -> None:
        current = self.current
        assert current is not None
        if 300 <= reply.code < 400:
            self._broken(f"MAIL was answered with {reply.word}")
        elif reply.code >= 400:
            current.refuse(MAIL, reply)
            if not self.pipelining:
                self._finish_refused(current)
        elif not self.pipelining:
            self._command(current.rcpt, self._on_rcpt)

    def _on_rcpt(self, reply: Reply) -> None:
        current = self.current
        assert current is not None
        if 300 <= reply.code < 400:
            self._broken(f"RCPT was answered with {reply.word}")
        elif reply.code >= 400:
            current.refuse(RCPT, reply)
            if not self.pipelining:
                self._reset_due = True
                self._finish_refused(current)
        elif not self.pipelining:
            self._command(b"DATA\r\n", self._on_data)

    def _on_data(self, reply: Reply) -> None:
        current = self.current
        assert current is not None
        if reply.code < 300:
            self._broken(f"DATA was answered with {reply.word}")
        elif reply.code >= 400:
            current.refuse(DATA, reply)
            self._reset_due = True
            self._finish_refused(current)
        elif current.refusal is not None:
            # Pipelined, refused, and yet DATA was taken: end it with nothing in it (RFC 2920, section 3.1).
            self._command(END, self._on_nothing)
        else:
            self._write(current.content)
            self._content_end = self.queued
            self._expected.append(self._on_content)
            self.content, self.current = current, None
            if self.pipelining:
                self.fill()

    def _on_nothing(self, reply: Reply) -> None:
        current = self.current
        assert current is not None
        self._finish_refused(current)

    def _on_content(self, reply: Reply) -> None:
        content = self.content
        assert content is not None
        if 300 <= reply.code < 400:
            self._broken(f"the content was answered with {reply.word}")
            return
        self.content = None
        self.settled += 1
        if reply.code < 300:
            self._owner.accepted(content, reply)
        else:
            self._owner.refused(content, CONTENT, reply)
        self.fill()

    def _finish_refused(self, transaction: Transaction) -> None:
        self.current = None
        self.settled += 1
        assert transaction.refusal is not None
        self._owner.refused(transaction, transaction.stage, transaction.refusal)
        self.fill()
