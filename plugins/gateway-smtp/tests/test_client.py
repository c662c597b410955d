"""The client's protocol machine, without any socket."""

from __future__ import annotations

import base64
from collections import deque

import pytest
from ictcore_gateway_smtp.wire.client import CONTENT, DATA, MAIL, RCPT, SmtpClient, Transaction
from ictcore_gateway_smtp.wire.handshake import Options
from ictcore_gateway_smtp.wire.replies import Reply

from ictcore.spec import (
    EMAIL,
    Attempt,
    GatewayError,
    GatewayMisconfigured,
    GatewayUnavailable,
    new_attempt_id,
    single,
)

PIPELINING = b"250-mail.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 1000\r\n"
PLAIN = b"250 mail.example\r\n"
GREETING = b"220 mail.example ESMTP\r\n"


class Desk:
    """Gives numbered messages and remembers what became of them."""

    def __init__(self, count: int = 0) -> None:
        self.waiting = deque(message(number) for number in range(1, count + 1))
        self.accepted_ones: list[bytes] = []
        self.refused_ones: list[tuple[bytes, str, int]] = []

    def take(self, client: SmtpClient) -> Transaction | None:
        return self.waiting.popleft() if self.waiting else None

    def accepted(self, transaction: Transaction, reply: Reply) -> None:
        self.accepted_ones.append(transaction.mail)

    def refused(self, transaction: Transaction, stage: str, reply: Reply) -> None:
        self.refused_ones.append((transaction.mail, stage, reply.code))


def message(number: int) -> Transaction:
    attempt = Attempt(
        id=new_attempt_id(), service=EMAIL, source="", destination="", trunk=1, plan=single("email_send", {})
    )
    n = str(number).encode()
    return Transaction(attempt, b"MAIL " + n + b"\r\n", b"RCPT " + n + b"\r\n", b"content " + n + b"\r\n.\r\n")


def wrote(client: SmtpClient) -> bytes:
    """What the client has written since the last call."""
    data = b"".join(client.out)
    client.out = []
    return data


def ready(desk: Desk, ehlo: bytes = PIPELINING, **options: object) -> SmtpClient:
    """A client that has shaken hands; what it wrote for that is gone."""
    client = SmtpClient(Options("client.example", **options), desk)  # type: ignore[arg-type]
    client.feed(GREETING)
    assert wrote(client) == b"EHLO client.example\r\n"
    client.feed(ehlo)
    assert client.ready
    return client


def test_pipelining_is_one_write_for_each_message() -> None:
    desk = Desk(3)
    client = ready(desk)
    assert wrote(client) == b"MAIL 1\r\nRCPT 1\r\nDATA\r\n"
    client.feed(b"250 a\r\n250 b\r\n354 c\r\n")
    assert wrote(client) == b"content 1\r\n.\r\nMAIL 2\r\nRCPT 2\r\nDATA\r\n"
    client.feed(b"250 taken\r\n250 a\r\n250 b\r\n354 c\r\n")
    assert desk.accepted_ones == [b"MAIL 1\r\n"]
    assert wrote(client) == b"content 2\r\n.\r\nMAIL 3\r\nRCPT 3\r\nDATA\r\n"
    client.feed(b"250 taken\r\n250 a\r\n250 b\r\n354 c\r\n")
    assert wrote(client) == b"content 3\r\n.\r\n"
    client.feed(b"250 taken\r\n")
    assert len(desk.accepted_ones) == 3
    assert client.idle
    assert wrote(client) == b""


@pytest.mark.parametrize("ehlo", [PLAIN, PIPELINING], ids=["not offered", "switched off"])
def test_without_pipelining_every_command_waits(ehlo: bytes) -> None:
    desk = Desk(2)
    client = ready(desk, ehlo, pipelining=ehlo is PLAIN)
    seen = []
    for answer in (b"250 a\r\n", b"250 b\r\n", b"354 c\r\n", b"250 taken\r\n", b"250 a\r\n"):
        seen.append(wrote(client))
        client.feed(answer)
    assert seen == [b"MAIL 1\r\n", b"RCPT 1\r\n", b"DATA\r\n", b"content 1\r\n.\r\n", b"MAIL 2\r\n"]
    assert desk.accepted_ones == [b"MAIL 1\r\n"]


def test_a_message_may_be_begun_while_the_one_before_is_awaited() -> None:
    desk = Desk(1)
    client = ready(desk)
    client.feed(b"250 a\r\n250 b\r\n354 c\r\n")
    wrote(client)
    desk.waiting.append(message(2))
    assert client.free
    client.fill()
    assert wrote(client) == b"MAIL 2\r\nRCPT 2\r\nDATA\r\n"


REFUSALS = {
    "MAIL": (b"550 no\r\n503 no\r\n503 no\r\n", MAIL, 550, b"RSET\r\n"),
    "RCPT": (b"250 a\r\n550 no\r\n554 no\r\n", RCPT, 550, b"RSET\r\n"),
    "RCPT for now": (b"250 a\r\n450 no\r\n503 no\r\n", RCPT, 450, b"RSET\r\n"),
    "DATA": (b"250 a\r\n250 b\r\n451 no\r\n", DATA, 451, b"RSET\r\n"),
}


@pytest.mark.parametrize(("answers", "stage", "code", "first"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refused_message_is_told_and_the_next_one_goes(answers: bytes, stage: str, code: int, first: bytes) -> None:
    desk = Desk(2)
    client = ready(desk)
    wrote(client)
    client.feed(answers)
    assert desk.refused_ones == [(b"MAIL 1\r\n", stage, code)]
    assert wrote(client) == first + b"MAIL 2\r\nRCPT 2\r\nDATA\r\n"
    client.feed(b"250 reset\r\n250 a\r\n250 b\r\n354 c\r\n")
    assert wrote(client) == b"content 2\r\n.\r\n"
    client.feed(b"250 taken\r\n")
    assert desk.accepted_ones == [b"MAIL 2\r\n"]


LOCKSTEP = {
    "MAIL": ([b"550 no\r\n"], MAIL, b"MAIL 2\r\n"),
    "RCPT": ([b"250 a\r\n", b"550 no\r\n"], RCPT, b"RSET\r\n"),
    "DATA": ([b"250 a\r\n", b"250 b\r\n", b"550 no\r\n"], DATA, b"RSET\r\n"),
    "content": ([b"250 a\r\n", b"250 b\r\n", b"354 c\r\n", b"550 no\r\n"], CONTENT, b"MAIL 2\r\n"),
}


@pytest.mark.parametrize(("answers", "stage", "following"), LOCKSTEP.values(), ids=LOCKSTEP.keys())
def test_refusals_without_pipelining(answers: list[bytes], stage: str, following: bytes) -> None:
    desk = Desk(2)
    client = ready(desk, PLAIN)
    for answer in answers:
        wrote(client)
        client.feed(answer)
    assert desk.refused_ones == [(b"MAIL 1\r\n", stage, 550)]
    assert wrote(client) == following
    if following == b"RSET\r\n":
        client.feed(b"250 reset\r\n")
        assert wrote(client) == b"MAIL 2\r\n"


def test_a_refused_recipient_whose_data_is_taken_gets_nothing() -> None:
    desk = Desk(2)
    client = ready(desk)
    wrote(client)
    client.feed(b"250 a\r\n550 no\r\n354 go ahead\r\n")
    assert wrote(client) == b".\r\n"
    assert desk.refused_ones == []
    client.feed(b"554 no valid recipients\r\n")
    assert desk.refused_ones == [(b"MAIL 1\r\n", RCPT, 550)]
    assert wrote(client) == b"MAIL 2\r\nRCPT 2\r\nDATA\r\n"


def test_goodbye_after_the_limit() -> None:
    desk = Desk(3)
    client = ready(desk, limit=2)
    client.feed(b"250 a\r\n250 b\r\n354 c\r\n250 taken\r\n250 a\r\n250 b\r\n354 c\r\n")
    assert wrote(client).endswith(b"content 2\r\n.\r\n")
    client.feed(b"250 taken\r\n")
    assert wrote(client) == b"QUIT\r\n"
    assert client.closing
    assert len(desk.waiting) == 1


def test_421_ends_everything_and_nothing_is_taken() -> None:
    desk = Desk(3)
    client = ready(desk)
    client.feed(b"250 a\r\n250 b\r\n354 c\r\n")
    client.feed(b"421 4.3.2 closing\r\n")
    assert desk.refused_ones == [(b"MAIL 1\r\n", CONTENT, 421), (b"MAIL 2\r\n", MAIL, 421)]
    assert client.closing
    assert client.losses(10**6) == []


def test_421_out_of_the_blue_closes_an_idle_connection() -> None:
    client = ready(Desk())
    client.feed(b"421 idle for too long\r\n")
    assert client.closing
    assert not client.nonsense


NONSENSE = {
    "bytes": b"\xff\x00\r\n",
    "MAIL answered with 354": b"354 what\r\n",
    "RCPT answered with 354": b"250 a\r\n354 what\r\n",
    "DATA answered with 250": b"250 a\r\n250 b\r\n250 what\r\n",
    "content answered with 354": b"250 a\r\n250 b\r\n354 c\r\n354 what\r\n",
    "one reply too many": b"250 a\r\n250 b\r\n354 c\r\n250 taken\r\n250 what\r\n",
}


@pytest.mark.parametrize("answers", NONSENSE.values(), ids=NONSENSE.keys())
@pytest.mark.parametrize("step", [1, 1000], ids=["one byte at a time", "at once"])
def test_nonsense_ends_the_connection(answers: bytes, step: int) -> None:
    client = ready(Desk(1))
    for start in range(0, len(answers), step):
        client.feed(answers[start : start + step])
    assert client.closing
    assert client.nonsense


def test_what_is_lost_and_what_may_have_left() -> None:
    desk = Desk(3)
    client = ready(desk)
    client.feed(b"250 a\r\n250 b\r\n354 c\r\n")
    end = client.queued - len(b"MAIL 2\r\nRCPT 2\r\nDATA\r\n")
    for sent, left in ((end - 1, False), (end, True), (client.queued, True)):
        content, current = client.content, client.current
        losses = client.losses(sent)
        assert [(loss.transaction, loss.left) for loss in losses] == [(content, left), (current, False)]
        assert client.losses(sent) == []
        client.content, client.current = content, current


def test_a_message_whose_commands_only_are_under_way_has_not_left() -> None:
    client = ready(Desk(1))
    (loss,) = client.losses(client.queued)
    assert not loss.left


def fault(*answers: bytes, **options: object) -> GatewayError | None:
    """Why a connection that is answered like this does not become ready."""
    client = SmtpClient(Options("client.example", **options), Desk())  # type: ignore[arg-type]
    for answer in answers:
        client.feed(answer)
    assert not client.ready
    assert client.closing
    return client.fault


FAULTS = {
    "greeting refused": ([b"554 go away\r\n"], {}, GatewayUnavailable),
    "greeting for now": ([b"421 too busy\r\n"], {}, GatewayUnavailable),
    "greeting is nonsense": ([b"HTTP/1.1 200 OK\r\n"], {}, GatewayUnavailable),
    "EHLO for now": ([GREETING, b"450 later\r\n"], {}, GatewayUnavailable),
    "EHLO and HELO": ([GREETING, b"502 what\r\n", b"550 no\r\n"], {}, GatewayMisconfigured),
    "no STARTTLS": ([GREETING, PLAIN], {"tls": "starttls"}, GatewayMisconfigured),
    "no EHLO, so no STARTTLS": ([GREETING, b"502 what\r\n"], {"tls": "starttls"}, GatewayMisconfigured),
    "STARTTLS for now": (
        [GREETING, b"250-a\r\n250 STARTTLS\r\n", b"454 later\r\n"],
        {"tls": "starttls"},
        GatewayUnavailable,
    ),
    "bytes after STARTTLS": (
        [GREETING, b"250-a\r\n250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"],
        {"tls": "starttls"},
        GatewayUnavailable,
    ),
    "half a line after STARTTLS": (
        [GREETING, b"250-a\r\n250 STARTTLS\r\n", b"220 go\r\n250-inj"],
        {"tls": "starttls"},
        GatewayUnavailable,
    ),
    "password in the clear": ([GREETING, b"250-a\r\n250 AUTH PLAIN\r\n"], {"username": "u"}, GatewayMisconfigured),
    "no AUTH": ([GREETING, PLAIN], {"username": "u", "clear_password": True}, GatewayMisconfigured),
    "other AUTH": (
        [GREETING, b"250-a\r\n250 AUTH GSSAPI\r\n"],
        {"username": "u", "clear_password": True},
        GatewayMisconfigured,
    ),
    "wrong password": (
        [GREETING, b"250-a\r\n250 AUTH PLAIN\r\n", b"535 5.7.8 wrong\r\n"],
        {"username": "u", "clear_password": True},
        GatewayMisconfigured,
    ),
    "AUTH for now": (
        [GREETING, b"250-a\r\n250 AUTH PLAIN\r\n", b"454 4.7.0 later\r\n"],
        {"username": "u", "clear_password": True},
        GatewayUnavailable,
    ),
}


@pytest.mark.parametrize(("answers", "options", "kind"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_before_the_connection_is_ready(
    answers: list[bytes], options: dict[str, object], kind: type[GatewayError]
) -> None:
    assert type(fault(*answers, **options)) is kind


def test_helo_for_an_old_server() -> None:
    desk = Desk(1)
    client = SmtpClient(Options("client.example"), desk)
    client.feed(GREETING)
    client.feed(b"502 what\r\n")
    assert wrote(client) == b"EHLO client.example\r\nHELO client.example\r\n"
    client.feed(b"250 old\r\n")
    assert wrote(client) == b"MAIL 1\r\n"


def test_starttls_forgets_what_was_said_before() -> None:
    client = SmtpClient(Options("client.example", tls="starttls", username="u", password="p"), Desk())
    client.feed(GREETING)
    client.feed(b"250-a\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
    assert wrote(client) == b"EHLO client.example\r\nSTARTTLS\r\n"
    client.feed(b"220 go\r\n")
    assert client.wants_tls
    client.secured()
    assert wrote(client) == b"EHLO client.example\r\n"
    client.feed(b"250-a\r\n250 AUTH LOGIN\r\n")
    assert wrote(client) == b"AUTH LOGIN\r\n"


@pytest.mark.parametrize("offer", ["AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN", "auth login plain"])
def test_auth_plain(offer: str) -> None:
    client = SmtpClient(Options("c", tls="tls", username="üser", password="pässword"), Desk())
    client.feed(GREETING)
    client.feed(f"250-a\r\n250 {offer}\r\n".encode())
    line = wrote(client).split(b"\r\n")[-2]
    assert base64.b64decode(line.removeprefix(b"AUTH PLAIN ")).decode() == "\0üser\0pässword"
    client.feed(b"235 welcome\r\n")
    assert client.ready


def test_auth_login() -> None:
    client = SmtpClient(Options("c", tls="tls", username="u", password="p"), Desk())
    client.feed(GREETING + b"250-a\r\n250 AUTH LOGIN\r\n")
    wrote(client)
    client.feed(b"334 VXNlcm5hbWU6\r\n")
    assert wrote(client) == b"dQ==\r\n"
    client.feed(b"334 UGFzc3dvcmQ6\r\n")
    assert wrote(client) == b"cA==\r\n"
    client.feed(b"235 welcome\r\n")
    assert client.ready


def test_the_password_is_in_no_repr() -> None:
    assert "s3cret" not in repr(Options("c", username="u", password="s3cret"))
