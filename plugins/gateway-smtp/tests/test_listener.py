"""The listener: nothing is answered with 250 before it is stored, and each recipient has an answer of its own."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ictcore_gateway_smtp.identity import bounce_address
from ictcore_gateway_smtp.listener import Listener
from ictcore_gateway_smtp.settings import SETTINGS

from ictcore.spec import Event, Failed, Received, Refusal, new_attempt_id
from ictcore.testing import MemorySink, StaticSettings
from ictcore.testing.servers import free_port
from ictcore.testing.waiting import wait_until

MAIL = b"From: ada@example.org\r\nTo: shop@example.com\r\nSubject: Hi\r\nMessage-ID: <1@x>\r\n\r\nHello\r\n"
Start = Callable[..., Listener]


@pytest.fixture
def start() -> Iterator[Start]:
    """``start(sink, **settings)``: a listener that listens; stopped when the test ends."""
    made: list[Listener] = []

    def make(sink: Any, **values: Any) -> Listener:
        settings = {"smtp.listen_port": free_port(), **{f"smtp.{name}": value for name, value in values.items()}}
        listener = Listener(StaticSettings(SETTINGS, settings), sink)
        made.append(listener)
        listener.start()
        wait_until(lambda: listener.health().ok, what="it listens")
        return listener

    yield make
    for listener in made:
        listener.stop(10)


def refuse(event: Event) -> Refusal | None:
    """As the core does for recipients that it does not know, or may not take from this sender."""
    called = getattr(event, "called", "")
    name = called.partition("@")[0]
    return Refusal("no", cause=name) if name in ("unallocated", "forbidden", "content") else None


def data_answers(client: smtplib.SMTP, sender: str, recipients: list[str], content: bytes) -> list[tuple[int, bytes]]:
    """Send one mail by hand; the answers to its end, one for each recipient."""
    assert client.docmd("MAIL", f"FROM:<{sender}>")[0] == 250
    for recipient in recipients:
        assert client.docmd("RCPT", f"TO:<{recipient}>")[0] == 250
    assert client.docmd("DATA")[0] == 354
    client.send(content + b".\r\n")
    return [client.getreply() for _ in recipients]


def test_each_recipient_has_an_answer(start: Start) -> None:
    sink = MemorySink(refuse)
    listener = start(sink)
    recipients = ["shop@example.com", "unallocated@example.com", "forbidden@x.org", "content@x.org", "desk@example.com"]
    with smtplib.LMTP("127.0.0.1", listener.port) as client:
        client.ehlo("mx")
        answers = data_answers(client, "ada@example.org", recipients, MAIL)
        words = [(code, text.split()[0].decode()) for code, text in answers]
        assert words == [(250, "2.0.0"), (550, "5.1.1"), (550, "5.7.1"), (554, "5.6.0"), (250, "2.0.0")]
        again = data_answers(client, "ada@example.org", ["shop@example.com"], MAIL)
        assert again[0][0] == 250
    called = [event.called for event in sink.events if isinstance(event, Received)]
    assert called == [*recipients, "shop@example.com"]
    assert listener.health().detail["taken"] == 3


def test_smtp_takes_one_recipient_at_a_time(start: Start) -> None:
    sink = MemorySink(refuse)
    listener = start(sink, listen_protocol="smtp")
    with smtplib.SMTP("127.0.0.1", listener.port) as client:
        refused = client.sendmail("ada@example.org", ["shop@example.com", "desk@example.com"], MAIL)
        assert {address: code for address, (code, _) in refused.items()} == {"desk@example.com": 452}
        with pytest.raises(smtplib.SMTPDataError) as caught:
            client.sendmail("ada@example.org", ["unallocated@example.com"], MAIL)
        assert caught.value.smtp_code == 550
    assert len(sink.events) == 2


def test_nothing_is_taken_before_it_is_stored(start: Start) -> None:
    sink = MemorySink(hold=True)
    listener = start(sink)
    answers: list[tuple[int, bytes]] = []

    def send() -> None:
        with smtplib.LMTP("127.0.0.1", listener.port) as client:
            client.ehlo("mx")
            answers.extend(data_answers(client, "ada@example.org", ["shop@example.com"], MAIL))

    thread = threading.Thread(target=send)
    thread.start()
    sink.wait_for(lambda events: len(events) == 1)
    assert not answers
    sink.confirm_all()
    thread.join(20)
    assert [code for code, _ in answers] == [250]


def test_what_is_not_stored_in_time_comes_again(start: Start) -> None:
    listener = start(MemorySink(hold=True), store_timeout=0.2)
    with smtplib.LMTP("127.0.0.1", listener.port) as client:
        client.ehlo("mx")
        answers = data_answers(client, "ada@example.org", ["shop@example.com", "desk@example.com"], MAIL)
    assert [code for code, _ in answers] == [451, 451]


def test_a_sink_that_fails_loses_nothing(start: Start) -> None:
    class Broken:
        def put(self, events: Any) -> Any:
            raise RuntimeError("no room")

    listener = start(Broken())
    with smtplib.LMTP("127.0.0.1", listener.port) as client:
        client.ehlo("mx")
        assert data_answers(client, "ada@example.org", ["shop@example.com"], MAIL)[0][0] == 451


def test_a_bounce_reaches_its_attempt_and_an_automatic_answer_is_counted(start: Start) -> None:
    sink = MemorySink(refuse)
    listener = start(sink)
    attempt_id = new_attempt_id()
    address = bounce_address(attempt_id, "bounce@bounces.test")
    with smtplib.LMTP("127.0.0.1", listener.port) as client:
        client.sendmail("", [address], b"Subject: failure notice\r\n\r\n<a@b>:\r\n550 5.1.1 user unknown\r\n")
        client.sendmail("", [address], b"Subject: away\r\nAuto-Submitted: auto-replied\r\n\r\nI am away\r\n")
    (event,) = sink.events
    assert isinstance(event, Failed)
    assert event.attempt_id == attempt_id
    assert listener.health().detail["unknown_events"] == 1


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_too_large_a_mail_is_refused_for_each_recipient(protocol: str, start: Start) -> None:
    sink = MemorySink()
    listener = start(sink, size_limit=2000, listen_protocol=protocol)
    recipients = ["a@example.com", "b@example.com"] if protocol == "lmtp" else ["a@example.com"]
    kind = smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", listener.port) as client:
        client.ehlo("mx")
        answers = data_answers(client, "ada@example.org", recipients, MAIL + b"x" * 70 + b"\r\n" + b"y\r\n" * 1000)
        assert [code for code, _ in answers] == [552] * len(recipients)
        assert data_answers(client, "ada@example.org", recipients, MAIL)[0][0] == 250
    assert len(sink.events) == len(recipients)


def test_a_mail_beyond_all_limits_is_refused_for_good(start: Start) -> None:
    sink = MemorySink()
    listener = start(sink)
    content = b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"--x\r\n\r\na\r\n" * 10_000
    with smtplib.LMTP("127.0.0.1", listener.port) as client:
        client.ehlo("mx")
        assert data_answers(client, "a@b.example", ["a@example.com"], content)[0][0] == 554
    assert not sink.events


def test_a_long_line_is_taken(start: Start) -> None:
    sink = MemorySink()
    listener = start(sink)
    with smtplib.LMTP("127.0.0.1", listener.port) as client:
        client.ehlo("mx")
        assert data_answers(client, "a@b.example", ["a@example.com"], MAIL + b"z" * 50_000 + b"\r\n")[0][0] == 250
    (event,) = sink.events
    assert isinstance(event, Received)
    assert "z" * 50_000 in event.text


def test_a_port_in_use_is_a_fault_until_it_is_free() -> None:
    port = free_port()
    listener = Listener(StaticSettings(SETTINGS, {"smtp.listen_port": port}), MemorySink())
    with socket.create_server(("127.0.0.1", port)):
        listener.start()
        wait_until(lambda: "cannot listen" in listener.health().fault, what="the fault is told")
    try:
        wait_until(lambda: listener.health().ok, what="it listens")
    finally:
        listener.stop(10)
    assert not listener.health().ok


def test_stopping_closes_what_is_under_way(start: Start) -> None:
    sink = MemorySink(hold=True)
    listener = start(sink)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=20) as client:
        client.sendall(b"LHLO mx\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n" + MAIL + b".\r\n")
        sink.wait_for(lambda events: len(events) == 1)
        listener.stop(10)
        received = b""
        while data := client.recv(4096):
            received += data
        assert received.count(b"\r\n250 2.0.0") == 0, "answered although it was not stored"
    sink.confirm_all()
    listener.stop(10)
