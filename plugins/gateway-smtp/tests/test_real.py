"""The whole way through a real Postfix and a real Dovecot, out and in."""

from __future__ import annotations

import shutil
import smtplib
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from ictcore_gateway_smtp.gateway import SmtpGateway
from ictcore_gateway_smtp.identity import bounce_address
from ictcore_gateway_smtp.mail_in import command
from ictcore_gateway_smtp.settings import SETTINGS
from ictcore_gateway_smtp.testing import DovecotServer, PostfixServer, SmtpSink

from ictcore.spec import (
    Attempt,
    Delivered,
    Event,
    Failed,
    Receipt,
    Received,
    Refusal,
    Settings,
    Sink,
    Submitted,
    Trunk,
    Unavailable,
    cause,
    new_attempt_id,
)
from ictcore.testing import MemorySink, StaticSettings
from ictcore.testing.servers import free_port
from ictcore.testing.waiting import wait_until

pytestmark = pytest.mark.real

Start = Callable[..., tuple[SmtpGateway, MemorySink]]
MakeAttempt = Callable[..., Attempt]
MakeTrunk = Callable[..., Trunk]

_END = b"\n--end of arguments--\n"
_BRIDGE = """\
#!/usr/bin/perl
# Hands arguments and standard input to the test, and ends with the code that the test answers. Postfix runs pipes as a
# user who may not be able to reach the Python that runs the tests; Debian's perl-base is always there.
use IO::Socket::UNIX;
my $peer = IO::Socket::UNIX->new(Peer => "{path}") or exit 75;
local $/;
print $peer join("\\n", @ARGV) . "\\n--end of arguments--\\n" . <STDIN>;
$peer->flush();
$peer->shutdown(1);
exit(<$peer>);
"""


class Pipe:
    """Runs ``ictcore mail-in`` for a pipe of Postfix, with a sink of the test's own.

    :ivar sink: what the command stores into.
    """

    def __init__(self, folder: Path) -> None:
        self.sink = MemorySink()
        self.program = folder / "mail-in"
        path = folder / "socket"
        self.program.write_text(_BRIDGE.format(path=path))
        self.program.chmod(0o755)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        path.chmod(0o777)
        self._server.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, client.makefile("rb") as file:
                head, _, content = file.read().partition(_END)
                runtime = FakeRuntime(self.sink)
                result = CliRunner().invoke(command(runtime), head.decode().split("\n"), input=content)
                client.sendall(str(result.exit_code).encode())


class FakeRuntime:
    """What the command gets of the system."""

    def __init__(self, sink: Sink) -> None:
        self.settings: Settings = StaticSettings(SETTINGS)
        self.home = Path()
        self._sink = sink

    def sink(self) -> Sink:
        return self._sink


@pytest.fixture(scope="module")
def listener_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def dovecot() -> Iterator[DovecotServer]:
    with DovecotServer(["ada@mailbox.test"]) as server:
        yield server


@pytest.fixture(scope="module")
def pipe() -> Iterator[Pipe]:
    folder = Path(tempfile.mkdtemp(prefix="mail-in-"))
    folder.chmod(0o755)  # for the user nobody
    pipe = Pipe(folder)
    yield pipe
    pipe.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def postfix(dovecot: DovecotServer, listener_port: int, pipe: Pipe) -> Iterator[PostfixServer]:
    ours = f"lmtp:inet:127.0.0.1:{listener_port}"
    transports = {
        "mailbox.test": f"lmtp:inet:127.0.0.1:{dovecot.port}",
        "bounces.test": ours,
        "shop.test": ours,
        "pipe.test": "ictcore:",
    }
    argv = f"{pipe.program} --to ${{recipient}} --from ${{sender}}"
    master = ["ictcore unix - n n - 4 pipe", f"  flags= user=nobody argv={argv}"]
    with PostfixServer(transports, master=master, main=["ictcore_destination_recipient_limit = 1"]) as server:
        yield server


def settings(port: int) -> dict[str, Any]:
    return {"smtp.listen_port": port, "smtp.bounce_domain": "bounces.test"}


def ended(sink: MemorySink, attempt: Attempt, kind: type[Event]) -> Any:
    """Block until ``attempt`` has an event of ``kind``, and return it."""
    sink.wait_for(
        lambda events: any(isinstance(e, kind) and getattr(e, "attempt_id", "") == attempt.id for e in events), 60
    )
    return next(event for event in sink.of(attempt.id) if isinstance(event, kind))


def test_a_mail_arrives_in_a_mailbox(
    postfix: PostfixServer,
    dovecot: DovecotServer,
    start_gateway: Start,
    make_attempt: MakeAttempt,
    make_trunk: MakeTrunk,
) -> None:
    gateway, sink = start_gateway(make_trunk(postfix.port, data_timeout=60.0))
    attempt = make_attempt(
        destination="ada@mailbox.test",
        source="shop@shop.test",
        from_name="Der Laden, Köln",
        subject="Grüße 😀",
        text="Hallo\n.\n..zwei Punkte\nGrüße",
        html="<p>Grüße</p>",
        list_unsubscribe="https://shop.test/u",
    )
    gateway.submit([attempt])
    event = ended(sink, attempt, Delivered)
    assert event.vendor_code.startswith("250 2.0.0 Ok: queued as ")
    assert event.vendor_id
    raw = dovecot.wait_for_mail("ada@mailbox.test", attempt.id.encode())
    mail = cast(EmailMessage, message_from_bytes(raw, policy=policy.default))
    assert mail["Return-Path"] == "<shop@shop.test>"
    assert mail["From"].addresses[0].display_name == "Der Laden, Köln"
    assert mail["Subject"] == "Grüße 😀"
    assert mail["Message-ID"] == f"<{attempt.id}@shop.test>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "Hallo\n.\n..zwei Punkte\nGrüße"
    assert html.get_content().strip() == "<p>Grüße</p>"
    assert not mail.defects


def test_two_hundred_mails_arrive_once_each(
    postfix: PostfixServer,
    dovecot: DovecotServer,
    start_gateway: Start,
    make_attempt: MakeAttempt,
    make_trunk: MakeTrunk,
) -> None:
    gateway, sink = start_gateway(make_trunk(postfix.port, data_timeout=60.0))
    attempts = [make_attempt(destination="ada@mailbox.test", text=f"number {number}") for number in range(200)]
    gateway.submit(attempts)
    sink.wait_for(lambda events: len(events) == 200, 60)
    assert all(isinstance(event, Delivered) for event in sink.events)

    def found() -> list[str]:
        return [a.id for mail in dovecot.mails("ada@mailbox.test") for a in attempts if a.id.encode() in mail]

    wait_until(lambda: len(found()) >= 200, 60, "all arrived")
    assert sorted(found()) == sorted(attempt.id for attempt in attempts)


def test_a_bounce_fails_its_attempt_and_a_report_completes_another(
    postfix: PostfixServer, listener_port: int, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    trunk = make_trunk(postfix.port, reports=True, data_timeout=60.0)
    gateway, sink = start_gateway(trunk, settings=settings(listener_port))
    known, unknown = make_attempt(destination="ada@mailbox.test"), make_attempt(destination="eve@mailbox.test")
    gateway.submit([known, unknown])
    for attempt in (known, unknown):
        assert ended(sink, attempt, Submitted).vendor_id
    failed = ended(sink, unknown, Failed)
    assert failed.cause == cause.UNALLOCATED
    assert failed.vendor_code == "5.1.1"
    assert "eve@mailbox.test" in failed.detail
    delivered = ended(sink, known, Delivered)
    assert delivered.vendor_code == "relayed 2.0.0", "Dovecot makes no reports, so Postfix makes the last one"
    assert not [event for event in sink.of(known.id) if isinstance(event, Failed)]


def test_mail_in_by_lmtp(
    postfix: PostfixServer, listener_port: int, start_gateway: Start, make_trunk: MakeTrunk
) -> None:
    sink = MemorySink(lambda event: Refusal("no") if getattr(event, "called", "").startswith("nobody") else None)
    gateway, _ = start_gateway(make_trunk(postfix.port), sink=sink, settings=settings(listener_port))
    wait_until(lambda: all(health.ok for health in gateway.health()), what="the listener listens")
    message = EmailMessage()
    message["From"], message["Subject"] = "Ada <ada@mailbox.test>", "Größe"
    message.set_content("Grüße\n")
    message.add_attachment(b"\0\1\2", maintype="application", subtype="pdf", filename="ä.pdf")
    recipients = ["desk@shop.test", "nobody@shop.test", "sales@shop.test"]
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        client.sendmail("ada@mailbox.test", recipients, message.as_bytes(policy=policy.SMTP))
    found = cast(
        list[Received], sink.wait_for(lambda events: len({getattr(event, "called", "") for event in events}) == 3, 60)
    )
    event = next(event for event in found if event.called == "desk@shop.test")
    assert (event.caller, event.subject, event.text) == ("ada@mailbox.test", "Größe", "Grüße\n")
    assert event.parts[0].content == b"\0\1\2"
    assert event.parts[0].name == "ä.pdf"
    log = wait_until(lambda: postfix.log() if "to=<nobody@shop.test>" in postfix.log() else "", 60, "it is refused")
    (line,) = [line for line in log.splitlines() if "to=<nobody@shop.test>" in line]
    assert "dsn=5.1.1, status=bounced" in line
    for name in ("desk", "sales"):
        wait_until(lambda name=name: f"to=<{name}@shop.test>" in postfix.log(), 60, "it is answered")
        (line,) = [line for line in postfix.log().splitlines() if f"to=<{name}@shop.test>" in line]
        assert "status=sent" in line


def test_mail_in_by_a_pipe(postfix: PostfixServer, pipe: Pipe) -> None:
    pipe.sink = MemorySink(lambda event: Refusal("no") if getattr(event, "called", "").startswith("nobody") else None)
    attempt_id = new_attempt_id()
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        content = "From: ada@mailbox.test\r\nSubject: by pipe\r\n\r\nGrüße\r\n..\r\nend\r\n".encode()
        client.sendmail("ada@mailbox.test", ["desk@pipe.test", "nobody@pipe.test"], content)
        bounce = b"Subject: failure notice\r\n\r\n550 5.1.1 user unknown\r\n"
        client.sendmail("", [bounce_address(attempt_id, "bounce@pipe.test")], bounce)
    for name, end in (
        ("desk", "dsn=2.0.0, status=sent"),
        ("nobody", "dsn=5.1.1, status=bounced"),
        (f"bounce+{attempt_id}", "dsn=2.0.0, status=sent"),
    ):
        wait_until(lambda name=name: f"to=<{name}@pipe.test>" in postfix.log(), 60, f"{name} has an answer")
        (line,) = [line for line in postfix.log().splitlines() if f"to=<{name}@pipe.test>" in line]
        assert end in line
    (event,) = [event for event in pipe.sink.events if getattr(event, "called", "") == "desk@pipe.test"]
    assert isinstance(event, Received)
    assert (event.caller, event.subject, event.text) == ("ada@mailbox.test", "by pipe", "Grüße\n..\nend\n")
    (failed,) = [event for event in pipe.sink.events if isinstance(event, Failed)]
    assert failed.attempt_id == attempt_id


def test_a_pipe_whose_database_is_away_keeps_the_mail_in_the_queue(postfix: PostfixServer, pipe: Pipe) -> None:
    class Away(MemorySink):
        def put(self, events: Sequence[Event]) -> Receipt:
            raise Unavailable("the database is away")

    pipe.sink = Away()
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        client.sendmail("ada@mailbox.test", ["later@pipe.test"], b"Subject: later\r\n\r\nx\r\n")
    wait_until(lambda: "to=<later@pipe.test>" in postfix.log(), 60, "it has an answer")
    line = next(line for line in postfix.log().splitlines() if "to=<later@pipe.test>" in line)
    assert "status=deferred" in line
    pipe.sink = MemorySink()
    pipe.sink.wait_for(lambda events: any(getattr(event, "called", "") == "later@pipe.test" for event in events), 60)


@pytest.mark.parametrize("options", [(), ("-p",), ("-e",)], ids=["pipelining", "lock-step", "without EHLO"])
def test_debians_sink_takes_everything(
    options: tuple[str, ...], start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    with SmtpSink(options) as server:
        gateway, sink = start_gateway(make_trunk(server.port, data_timeout=60.0, command_timeout=60.0))
        attempts = [make_attempt() for _ in range(300)]
        gateway.submit(attempts)
        sink.wait_for(lambda events: len(events) == 300, 60)
        assert all(isinstance(event, Delivered) for event in sink.events)
        gateway.stop(5)
