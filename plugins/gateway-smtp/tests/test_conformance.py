"""The promises of every gateway, kept against a scripted mail server, and against a real Postfix."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, ClassVar, cast

import pytest
from ictcore_gateway_smtp.plugin import SmtpGatewayType
from ictcore_gateway_smtp.settings import SETTINGS
from ictcore_gateway_smtp.testing import DROP, STALL, Mail, PostfixServer, Raw, ScriptedServer

from ictcore.spec import EMAIL, GatewayType, Setting, Trunk, new_attempt_id
from ictcore.testing.servers import free_port, listens
from ictcore.testing.suites.gateway import FarSide, GatewaySuite, InboundMessage, Sent
from ictcore.testing.waiting import wait_until

BOUNCES = "bounces.test"


def decoded(mail: Mail) -> Sent:
    """A mail as a reader's program decodes it."""
    message = cast(EmailMessage, message_from_bytes(mail.content, policy=policy.default))
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return Sent(
        destination=mail.recipients[0],
        source=mail.sender,
        subject=str(message["Subject"]),
        text=text.get_content() if text is not None else "",
        html=html.get_content() if html is not None else "",
        raw=mail.content,
    )


class Inbox:
    """The mails of a scripted server from now on, each decoded once: the suite asks for them again and again."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._before = len(server.mails)
        self._sent: list[Sent] = []

    def sent(self) -> list[Sent]:
        for mail in self._server.mails[self._before + len(self._sent) :]:
            self._sent.append(decoded(mail))
        return list(self._sent)


class Handed:
    """A mail that is being handed to the listener."""

    acknowledged = False
    refused = False


class ScriptedFarSide(FarSide):
    """A scripted mail server; reports and mails go to the gateway's listener by LMTP."""

    controls: ClassVar[frozenset[str]] = frozenset(
        {"absent", "drop", "stall", "nonsense", "slam", "reject", "throttle", "report", "unknown", "inbound"}
    )

    def __init__(self) -> None:
        self.server = ScriptedServer()
        self._inbox = Inbox(self.server)
        self.listener_port = free_port()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()
        for thread in self._threads:
            thread.join(10)

    def sent(self) -> list[Sent]:
        return self._inbox.sent()

    def accept(self) -> None:
        self.server.accept()

    def reject(self) -> None:
        self.server.on("RCPT", "550 5.1.1 no such user")

    def throttle(self) -> None:
        self.server.on("MAIL", "452 4.3.1 too much to do, slow down")

    def drop_before_reply(self) -> None:
        self.server.on("content", DROP)

    def stall(self) -> None:
        self.server.on("content", STALL)

    def nonsense(self) -> None:
        self.server.on("content", Raw(b"\x00\xff<html>\r\n"))

    def slam(self) -> None:
        self.server.on("connect", DROP)

    def connects(self) -> int:
        return self.server.connections

    def report(self, attempt_id: str, outcome: str, *, again: bool = False) -> None:
        action, status = {
            "delivered": ("delivered", "2.0.0"),
            "failed": ("failed", "5.1.1"),
            "progress": ("delayed", "4.4.1"),
        }[outcome]
        text = (
            f"From: MAILER-DAEMON@relay.test\r\nTo: bounce+{attempt_id}@{BOUNCES}\r\n"
            f"Message-ID: <{action}@relay.test>\r\n"
            'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\n\r\nwords\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            "Reporting-MTA: dns; relay.test\r\n\r\n"
            f"Final-Recipient: rfc822; x@example.org\r\nAction: {action}\r\nStatus: {status}\r\n"
            "Diagnostic-Code: smtp; the server's own word\r\n\r\n--b--\r\n"
        )
        self._lmtp("", f"bounce+{attempt_id}@{BOUNCES}", text.encode())

    def unknown_event(self) -> None:
        text = "From: ada@example.org\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n"
        self._lmtp("ada@example.org", f"bounce+{new_attempt_id()}@{BOUNCES}", text.encode())

    def inbound(self, text: str, *, called: str, caller: str, key: str) -> InboundMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"], message["Message-ID"] = caller, called, "in", f"<{key}@x>"
        message.set_content(text)
        handed = Handed()

        def hand() -> None:
            try:
                self._lmtp(caller, called, message.as_bytes(policy=policy.SMTP))
                handed.acknowledged = True
            except (smtplib.SMTPException, OSError):
                handed.refused = True

        thread = threading.Thread(target=hand)
        self._threads.append(thread)
        thread.start()
        return handed

    def _lmtp(self, sender: str, recipient: str, content: bytes) -> None:
        wait_until(lambda: listens(self.listener_port), what="the listener")
        with smtplib.LMTP("127.0.0.1", self.listener_port) as client:
            client.sendmail(sender, [recipient], content)


class SmtpSuite(GatewaySuite):
    """What both runs share."""

    service = EMAIL

    @pytest.fixture
    def gateway_type(self) -> GatewayType:
        return SmtpGatewayType()

    @pytest.fixture
    def declared_settings(self) -> Sequence[Setting]:
        return SETTINGS


class TestScripted(SmtpSuite):
    """Against the scripted server."""

    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        far_side = ScriptedFarSide()
        far_side.start()
        yield far_side
        far_side.stop()

    @pytest.fixture
    def trunk(self, far_side: ScriptedFarSide) -> Trunk:
        far_side.server.capabilities.append("AUTH PLAIN LOGIN")
        far_side.server.credentials = ("us", "s3cret-word")
        settings = {"data_timeout": 1.0, "command_timeout": 2.0, "reports": True, "helo": "client.example"}
        return Trunk(
            id=1,
            name="relay",
            type="smtp",
            services=frozenset({EMAIL}),
            host="127.0.0.1",
            port=far_side.server.port,
            username="us",
            password="s3cret-word",
            settings=settings,
        )

    @pytest.fixture
    def setting_values(self, far_side: ScriptedFarSide) -> Mapping[str, Any]:
        return {"smtp.listen_port": far_side.listener_port, "smtp.bounce_domain": BOUNCES, "smtp.store_timeout": 15.0}


class Queued:
    """A mail in Postfix's queue; its log tells what the listener answered."""

    def __init__(self, postfix: PostfixServer, queue_id: str, called: str) -> None:
        self._postfix = postfix
        self._mark = f" {queue_id}: to=<{called}>"

    def _status(self) -> str:
        lines = [line for line in self._postfix.log().splitlines() if self._mark in line]
        return lines[-1] if lines else ""

    @property
    def acknowledged(self) -> bool:
        return "status=sent" in self._status()

    @property
    def refused(self) -> bool:
        return "status=bounced" in self._status() or "status=deferred" in self._status()


class PostfixFarSide(FarSide):
    """A real Postfix, and behind it a mail server that keeps what Postfix delivers."""

    controls: ClassVar[frozenset[str]] = frozenset({"inbound"})

    def __init__(self, postfix: PostfixServer, behind: ScriptedServer, listener_port: int) -> None:
        self._postfix = postfix
        self._listener_port = listener_port
        self._inbox = Inbox(behind)

    def sent(self) -> list[Sent]:
        return self._inbox.sent()

    def inbound(self, text: str, *, called: str, caller: str, key: str) -> InboundMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"], message["Message-ID"] = caller, called, "in", f"<{key}@x>"
        message["Date"] = "Sun, 22 Nov 2026 09:00:00 +0000"  # else Postfix adds one, and two of them are two mails
        message.set_content(text)
        wait_until(lambda: listens(self._listener_port), what="the listener")
        with smtplib.SMTP("127.0.0.1", self._postfix.port) as client:
            client.ehlo("mx")
            client.mail("")  # what is refused comes back to nobody
            client.rcpt(called)
            code, answer = client.data(message.as_bytes(policy=policy.SMTP))
        assert code == 250, answer
        return Queued(self._postfix, answer.decode().rpartition(" ")[2], called)


@pytest.fixture(scope="module")
def behind() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def listener_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def postfix(behind: ScriptedServer, listener_port: int) -> Iterator[PostfixServer]:
    transports = {
        "example.org": f"smtp:[127.0.0.1]:{behind.port}",
        "example.com": f"lmtp:inet:127.0.0.1:{listener_port}",
    }
    with PostfixServer(transports) as server:
        yield server


@pytest.mark.real
class TestPostfix(SmtpSuite):
    """Against a real Postfix."""

    @pytest.fixture
    def far_side(self, postfix: PostfixServer, behind: ScriptedServer, listener_port: int) -> FarSide:
        return PostfixFarSide(postfix, behind, listener_port)

    @pytest.fixture
    def setting_values(self, far_side: FarSide, listener_port: int) -> Mapping[str, Any]:
        return {"smtp.listen_port": listener_port}

    @pytest.fixture
    def trunk(self, postfix: PostfixServer, far_side: FarSide) -> Trunk:
        return Trunk(
            id=1, name="postfix", type="smtp", services=frozenset({EMAIL}), host="127.0.0.1", port=postfix.port
        )
