"""From the server's greeting to a connection that is ready for messages: EHLO, STARTTLS, AUTH. No I/O."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ictcore.spec import GatewayError, GatewayMisconfigured, GatewayUnavailable
from ictcore_gateway_smtp.wire.replies import BadReply, Reply, ReplyParser


@dataclass(frozen=True, slots=True)
class Options:
    """How to talk to one server.

    :ivar tls: ``none``, ``starttls`` or ``tls``.
    :ivar clear_password: whether the password may be sent without TLS (the server is on this machine).
    :ivar pipelining: use it where it is offered.
    :ivar limit: messages per connection, ``0`` for any number.
    """

    helo: str
    tls: str = "none"
    username: str = ""
    password: str = field(default="", repr=False)
    clear_password: bool = False
    pipelining: bool = True
    limit: int = 0


class Handshake:
    """The first half of a client: writes to :attr:`out`, is fed what the server wrote, ends :attr:`ready` or closing.

    :ivar out: what is to be written, in order; the owner takes it from here.
    :ivar queued: how many bytes have ever been put into ``out``.
    :ivar ready: messages may be sent.
    :ivar wants_tls: the owner must now make the connection secure and call :meth:`secured`.
    :ivar closing: nothing more will be written; the owner closes the connection once ``out`` is written.
    :ivar fault: why the connection did not become ready.
    :ivar nonsense: what was wrong when the server broke the protocol.
    :ivar capabilities: keyword -> parameters of the last EHLO, both in capitals.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.out: list[bytes] = []
        self.queued = 0
        self.ready = False
        self.wants_tls = False
        self.closing = False
        self.fault: GatewayError | None = None
        self.nonsense = ""
        self.capabilities: Mapping[str, str] = {}
        self.pipelining = False
        self._secure = options.tls == "tls"
        self._parser = ReplyParser()
        self._expected: deque[Callable[[Reply], None]] = deque([self._on_greeting])

    def feed(self, data: bytes) -> None:
        """Take what the server wrote."""
        try:
            replies = self._parser.feed(data)
        except BadReply as error:
            self._broken(str(error))
            return
        expected = self._expected
        for reply in replies:
            if self.closing:
                return
            if reply.code == 421:
                self._leaving(reply)
            elif not expected:
                self._broken(f"a reply that nobody asked for: {reply.word}")
            else:
                expected.popleft()(reply)

    def secured(self) -> None:
        """The connection is encrypted now; what the server said before is forgotten (RFC 3207, section 4.2)."""
        self.wants_tls = False
        self._secure = True
        self.capabilities = {}
        self._hello()

    def _write(self, data: bytes) -> None:
        self.out.append(data)
        self.queued += len(data)

    def _ask(self, line: str, answer: Callable[[Reply], None]) -> None:
        self._write(line.encode("ascii") + b"\r\n")
        self._expected.append(answer)

    def _broken(self, what: str) -> None:
        self.nonsense = what
        if not self.ready:
            self.fault = GatewayUnavailable(f"the mail server broke the protocol: {what}")
        self.closing = True

    def _leaving(self, reply: Reply) -> None:
        if not self.ready:
            self._give_up(
                GatewayUnavailable(f"the mail server said: {reply.code} {reply.text}", vendor_code=reply.word)
            )
        self.closing = True

    def _give_up(self, fault: GatewayError) -> None:
        self.fault = fault
        self.closing = True

    def _refused(self, what: str, reply: Reply) -> None:
        """The server refused a step: for now (4xx) or because the settings are wrong (5xx)."""
        kind = GatewayUnavailable if reply.code < 500 else GatewayMisconfigured
        self._give_up(kind(f"{what}: {reply.code} {reply.text}", vendor_code=reply.word))

    def _on_greeting(self, reply: Reply) -> None:
        if reply.code != 220:
            said = f"the mail server greeted with {reply.code} {reply.text}"
            self._give_up(GatewayUnavailable(said, vendor_code=reply.word))
        else:
            self._hello()

    def _hello(self) -> None:
        self._ask(f"EHLO {self.options.helo}", self._on_ehlo)

    def _on_ehlo(self, reply: Reply) -> None:
        if reply.code >= 500 and not self._secure and self.options.tls == "none" and not self.options.username:
            self._ask(f"HELO {self.options.helo}", self._on_helo)
        elif reply.code != 250:
            self._refused("EHLO was refused", reply)
        else:
            words = [line.upper().replace("=", " ", 1).partition(" ") for line in reply.lines[1:]]
            self.capabilities = {word: f"{parameters}" for word, _, parameters in words}
            self._negotiate()

    def _on_helo(self, reply: Reply) -> None:
        if reply.code != 250:
            self._refused("HELO was refused", reply)
        else:
            self._become_ready()

    def _negotiate(self) -> None:
        if self.options.tls == "starttls" and not self._secure:
            if "STARTTLS" not in self.capabilities:
                self._give_up(GatewayMisconfigured("the mail server does not offer STARTTLS"))
            else:
                self._ask("STARTTLS", self._on_starttls)
        elif self.options.username:
            self._authenticate()
        else:
            self._become_ready()

    def _on_starttls(self, reply: Reply) -> None:
        if reply.code != 220:
            self._refused("STARTTLS was refused", reply)
        elif not self._parser.empty:
            self._broken("bytes after the answer to STARTTLS")  # somebody on the way put them there
        else:
            self.wants_tls = True

    def _authenticate(self) -> None:
        offered = self.capabilities.get("AUTH", "").replace("=", " ").split()
        if not self._secure and not self.options.clear_password:
            self._give_up(GatewayMisconfigured("the password would cross the network unencrypted: set tls"))
        elif "PLAIN" in offered:
            secret = f"\0{self.options.username}\0{self.options.password}"
            self._ask(f"AUTH PLAIN {_base64(secret)}", self._on_authenticated)
        elif "LOGIN" in offered:
            self._ask("AUTH LOGIN", self._on_login)
        else:
            self._give_up(GatewayMisconfigured("the mail server offers neither AUTH PLAIN nor AUTH LOGIN"))

    def _on_login(self, reply: Reply) -> None:
        if reply.code != 334:
            self._refused("AUTH was refused", reply)
        else:
            self._ask(_base64(self.options.username), self._on_login_name)

    def _on_login_name(self, reply: Reply) -> None:
        if reply.code != 334:
            self._refused("AUTH was refused", reply)
        else:
            self._ask(_base64(self.options.password), self._on_authenticated)

    def _on_authenticated(self, reply: Reply) -> None:
        if reply.code != 235:
            self._refused("the mail server refused username and password", reply)
        else:
            self._become_ready()

    def _become_ready(self) -> None:
        self.pipelining = self.options.pipelining and "PIPELINING" in self.capabilities
        self.ready = True


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")
