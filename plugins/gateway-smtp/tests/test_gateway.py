"""The gateway over real sockets, against a server that fails wherever a server can."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ictcore_gateway_smtp.gateway import SmtpGateway
from ictcore_gateway_smtp.plugin import SmtpGatewayType
from ictcore_gateway_smtp.settings import SETTINGS
from ictcore_gateway_smtp.testing import DROP, STALL, Raw, ScriptedServer

from ictcore.spec import (
    Attempt,
    Delivered,
    Event,
    Failed,
    GatewayError,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    NotSubmitted,
    Receipt,
    Submitted,
    Trunk,
    cause,
)
from ictcore.testing import MemorySink, StaticSettings, gateway_context
from ictcore.testing.servers import free_port
from ictcore.testing.waiting import wait_until

Start = Callable[..., tuple[SmtpGateway, MemorySink]]
MakeAttempt = Callable[..., Attempt]
MakeTrunk = Callable[..., Trunk]


def outcome(sink: MemorySink, attempt: Attempt) -> Event:
    """Block until ``attempt`` has an event, and return it."""
    sink.wait_for(lambda events: bool([event for event in events if getattr(event, "attempt_id", "") == attempt.id]))
    (event,) = sink.of(attempt.id)
    return event


def error_of(event: Event) -> GatewayError:
    assert isinstance(event, NotSubmitted), repr(event)
    return event.error


# stage, what the server does there, what the attempt gets, whether pipelined content is on the way
STAGES: dict[str, tuple[str, Any, type]] = {
    "dropped at MAIL": ("MAIL", DROP, GatewayUnavailable),
    "dropped at RCPT": ("RCPT", DROP, GatewayUnavailable),
    "dropped at DATA": ("DATA", DROP, GatewayUnavailable),
    "dropped after the content": ("content", DROP, GatewayUncertain),
    "silent at MAIL": ("MAIL", STALL, GatewayUnavailable),
    "silent at RCPT": ("RCPT", STALL, GatewayUnavailable),
    "silent at DATA": ("DATA", STALL, GatewayUnavailable),
    "silent after the content": ("content", STALL, GatewayUncertain),
    "cut within the answer to MAIL": ("MAIL", Raw(b"25", close=True), GatewayUnavailable),
    "cut within the answer to the content": ("content", Raw(b"250", close=True), GatewayUncertain),
    "nonsense at MAIL": ("MAIL", Raw(b"\xff\r\n"), GatewayUnavailable),
    "nonsense at DATA": ("DATA", Raw(b"250 what\r\n"), GatewayUnavailable),
    "nonsense after the content": ("content", Raw(b"what?\r\n"), GatewayProtocolError),
    "421 at MAIL": ("MAIL", "421 4.3.2 closing", GatewayUnavailable),
    "421 at RCPT": ("RCPT", "421 4.3.2 closing", GatewayUnavailable),
    "421 after the content": ("content", "421 4.3.2 closing", GatewayUnavailable),
    "refused at MAIL": ("MAIL", "550 5.7.1 no", GatewayRejected),
    "refused at RCPT": ("RCPT", "550 5.1.1 no such user", GatewayRejected),
    "refused at DATA": ("DATA", "554 5.7.1 no", GatewayRejected),
    "refused after the content": ("content", "554 5.6.0 no", GatewayRejected),
    "later at MAIL": ("MAIL", "451 4.3.0 later", GatewayThrottled),
    "later at RCPT": ("RCPT", "450 4.2.1 later", Failed),
    "later after the content": ("content", "451 4.7.0 later", Failed),
    "other commands first": ("MAIL", "530 5.7.0 authenticate", GatewayMisconfigured),
}


@pytest.mark.parametrize("pipelining", ["auto", "off"])
@pytest.mark.parametrize(("stage", "action", "kind"), STAGES.values(), ids=STAGES.keys())
def test_the_server_fails_at_each_stage(
    stage: str,
    action: Any,
    kind: type,
    pipelining: str,
    server: ScriptedServer,
    start_gateway: Start,
    make_attempt: MakeAttempt,
    make_trunk: MakeTrunk,
) -> None:
    limits = {"command_timeout": 0.5, "data_timeout": 0.5}
    gateway, sink = start_gateway(make_trunk(server.port, pipelining=pipelining, connections=1, **limits))
    server.on(stage, action)
    bad, good = make_attempt(), make_attempt()
    gateway.submit([bad])
    event = outcome(sink, bad)
    assert isinstance(event if kind is Failed else error_of(event), kind), repr(event)
    server.accept()
    wait_until(gateway.room, what="it goes on")
    gateway.submit([good])
    assert isinstance(outcome(sink, good), Delivered)
    assert len(sink.of(bad.id)) == 1


def test_the_connection_is_lost_while_the_next_one_is_pipelined(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port, connections=1))
    server.on("content", DROP)
    attempts = [make_attempt() for _ in range(3)]
    gateway.submit(attempts)
    events = [outcome(sink, attempt) for attempt in attempts]
    kinds = [type(error_of(event)) for event in events]
    assert kinds[0] is GatewayUncertain
    got = {mail.recipients[0] for mail in server.mails}
    for attempt, kind in zip(attempts, kinds, strict=True):
        assert (kind is GatewayUncertain) == (attempt.destination in got), "its bytes left, or did not"


def test_a_batch_is_pipelined_in_one_write_each(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port, connections=1))
    attempts = [make_attempt() for _ in range(20)]
    gateway.submit(attempts)
    sink.wait_for(lambda events: len(events) == 20)
    assert all(isinstance(event, Delivered) for event in sink.events)
    assert [mail.recipients[0] for mail in server.mails] == [attempt.destination for attempt in attempts]
    assert server.connections == 1
    assert not [line for line in server.commands if line == "RSET"]


def test_connections_are_used_again_and_closed_after_their_limit(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port, connections=1, messages_per_connection=5))
    for count in range(1, 13):
        gateway.submit([make_attempt()])
        sink.wait_for(lambda events, count=count: len(events) == count)
    assert all(isinstance(event, Delivered) for event in sink.events)
    wait_until(lambda: server.commands.count("QUIT") == 2, what="two connections said goodbye")
    assert server.connections == 3


def test_spare_connections_are_closed_and_one_is_kept(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port, connections=4, idle_timeout=0.3))
    gateway.submit([make_attempt() for _ in range(40)])
    sink.wait_for(lambda events: len(events) == 40)
    wait_until(lambda: server.commands.count("QUIT") == server.connections - 1, what="all but one are closed")
    assert gateway.health()[0].detail["connections"] == 1


def test_an_idle_connection_that_the_server_closes_is_no_fault(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port))
    gateway.submit([make_attempt()])
    sink.wait_for(lambda events: len(events) == 1)
    server.stop()
    wait_until(lambda: gateway.health()[0].detail["connections"] == 0, what="it is noticed")
    server.start()
    assert gateway.health()[0].ok
    assert gateway.room()
    other = make_attempt()
    gateway.submit([other])
    assert isinstance(outcome(sink, other), Delivered)


def test_a_server_that_takes_few_connections_is_used_with_few(
    start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    class Few(ScriptedServer):
        def _serve(self, sock: socket.socket) -> None:
            with self._lock:
                many = len(self._open) > 2
            if many:
                sock.sendall(b"421 4.7.0 too many connections\r\n")
                with self._lock:
                    self._open.discard(sock)
                sock.close()
            else:
                super()._serve(sock)

    with Few() as server:
        gateway, sink = start_gateway(make_trunk(server.port, connections=8))
        attempts = [make_attempt() for _ in range(60)]
        gateway.submit(attempts)
        sink.wait_for(lambda events: len(events) == 60)
        assert all(isinstance(event, Delivered) for event in sink.events)
        assert gateway.health()[0].ok
        gateway.stop(5)


def test_large_messages_leave_whole(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port, data_timeout=20.0))
    text = "0123456789" * 5 + "\n"
    attempts = [make_attempt(text=text * 80_000) for _ in range(3)]
    gateway.submit(attempts)
    for attempt in attempts:
        assert isinstance(outcome(sink, attempt), Delivered)
    for mail in server.mails:
        assert mail.content.count(b"0123456789" * 5 + b"\r\n") == 80_000


def test_starttls_with_a_verified_certificate(
    server_tls: ssl.SSLContext,
    certificate: Path,
    start_gateway: Start,
    make_attempt: MakeAttempt,
    make_trunk: MakeTrunk,
) -> None:
    with ScriptedServer(["PIPELINING", "AUTH PLAIN"], tls=server_tls, credentials=("us", "secret")) as server:
        trunk = make_trunk(
            server.port, username="us", password="secret", tls="starttls", ca_file=str(certificate), data_timeout=20.0
        )
        gateway, sink = start_gateway(trunk)
        attempts = [make_attempt(text="x" * 70 + "\n" + "y" * 200_000) for _ in range(10)]
        gateway.submit(attempts)
        for attempt in attempts:
            assert isinstance(outcome(sink, attempt), Delivered)
        assert len(server.mails) == 10
        assert server.commands[:3] == ["EHLO client.example", "STARTTLS", "EHLO client.example"]
        gateway.stop(5)


def test_tls_from_the_first_byte(
    server_tls: ssl.SSLContext,
    certificate: Path,
    start_gateway: Start,
    make_attempt: MakeAttempt,
    make_trunk: MakeTrunk,
) -> None:
    with ScriptedServer(["PIPELINING"], tls=server_tls, implicit=True) as server:
        gateway, sink = start_gateway(make_trunk(server.port, tls="tls", ca_file=str(certificate)))
        attempt = make_attempt()
        gateway.submit([attempt])
        assert isinstance(outcome(sink, attempt), Delivered)
        gateway.stop(5)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls: str, server_tls: ssl.SSLContext, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    with ScriptedServer(["PIPELINING"], tls=server_tls, implicit=tls == "tls") as server:
        gateway, sink = start_gateway(make_trunk(server.port, tls=tls), ready=False)
        attempt = make_attempt()
        gateway.submit([attempt])
        assert isinstance(error_of(outcome(sink, attempt)), GatewayMisconfigured)
        assert "certificate" in gateway.health()[0].fault
        assert not server.mails
        gateway.provision([make_trunk(server.port, tls=tls, verify=False)])
        wait_until(gateway.room, what="it trusts now")
        gateway.submit([attempt])
        sink.wait_for(lambda events: any(isinstance(event, Delivered) for event in events))
        gateway.stop(5)


def test_the_name_in_the_certificate_must_be_the_servers(
    server_tls: ssl.SSLContext,
    certificate: Path,
    start_gateway: Start,
    make_attempt: MakeAttempt,
    make_trunk: MakeTrunk,
) -> None:
    with ScriptedServer(["PIPELINING"], tls=server_tls) as server:
        trunk = make_trunk(server.port, host="localhost", tls="starttls", ca_file=str(certificate))
        gateway, sink = start_gateway(trunk, ready=False)
        attempt = make_attempt()
        gateway.submit([attempt])
        error = error_of(outcome(sink, attempt))
        assert isinstance(error, GatewayMisconfigured)
        assert "certificate" in error.message
        gateway.stop(5)


def test_a_server_without_starttls_never_gets_a_message_in_the_clear(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port, tls="starttls"), ready=False)
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(error_of(outcome(sink, attempt)), GatewayMisconfigured)
    assert set(server.commands) == {"EHLO client.example"}
    assert gateway.room() == 0


def test_wrong_credentials_are_told_and_the_password_is_not(
    start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    with ScriptedServer(["AUTH LOGIN"], credentials=("us", "right")) as server:
        gateway, sink = start_gateway(make_trunk(server.port, username="us", password="s3cret"), ready=False)
        attempt = make_attempt()
        gateway.submit([attempt])
        error = error_of(outcome(sink, attempt))
        assert isinstance(error, GatewayMisconfigured)
        assert error.vendor_code == "535 5.7.8"
        assert "s3cret" not in repr(error) + repr(gateway.health())
        gateway.stop(5)


def test_a_name_that_does_not_exist_is_a_fault(
    start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(25, host="no-such-host.invalid"), ready=False)
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(error_of(outcome(sink, attempt)), GatewayUnavailable)
    assert "no-such-host.invalid" in gateway.health()[0].fault


def test_a_name_is_resolved_and_its_addresses_are_tried(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port, host="localhost"))
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(outcome(sink, attempt), Delivered)


def test_one_provider_down_does_not_stop_the_other(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    good = make_trunk(server.port)
    down = Trunk(id=2, name="down", type="smtp", services=good.services, host="127.0.0.1", port=free_port())
    gateway, sink = start_gateway(good, down)
    for_good, for_down = make_attempt(), make_attempt()
    moved = Attempt(**{**{name: getattr(for_down, name) for name in for_down.__struct_fields__}, "trunk": 2})
    gateway.submit([moved, for_good])
    assert isinstance(outcome(sink, for_good), Delivered)
    assert isinstance(error_of(outcome(sink, moved)), GatewayUnavailable)
    faults = {health.name: bool(health.fault) for health in gateway.health()}
    assert faults == {"smtp relay relay": False, "smtp relay down": True}


def test_reports_are_asked_for_and_awaited(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    trunk = make_trunk(server.port, reports=True, bounce_address="returns@shop.example")
    gateway, sink = start_gateway(trunk)
    attempt = make_attempt()
    gateway.submit([attempt])
    event = outcome(sink, attempt)
    assert isinstance(event, Submitted)
    assert event.vendor_id == "Q1"
    (mail,) = server.mails
    assert mail.sender == f"returns+{attempt.id}@shop.example"
    assert f"ENVID={attempt.id}" in mail.mail_line
    assert mail.rcpt_lines[0].endswith("NOTIFY=SUCCESS,FAILURE,DELAY")


def test_the_core_may_send_an_uncertain_one_again_with_the_same_message_id(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port))
    server.on("content", DROP)
    first = make_attempt()
    gateway.submit([first])
    assert isinstance(error_of(outcome(sink, first)), GatewayUncertain)
    server.accept()
    wait_until(gateway.room, what="it goes on")
    again = Attempt(**{**{name: getattr(first, name) for name in first.__struct_fields__}, "tries": 2})
    gateway.submit([first, again])
    sink.wait_for(lambda events: any(isinstance(event, Delivered) for event in events))
    ids = [re.findall(rb"(?m)^Message-ID: (.*)\r$", mail.content) for mail in server.mails]
    assert ids == [[f"<{first.id}@example.com>".encode()]] * 2


WRONG: dict[str, dict[str, Any]] = {
    "unknown setting": {"tsl": "none"},
    "wrong word": {"tls": "maybe"},
    "wrong type": {"connections": "many"},
    "too many": {"connections": 1000},
    "helo with a line break": {"helo": "a\r\nb"},
    "no such file": {"tls": "tls", "ca_file": "/no/such/file"},
    "bounce address": {"bounce_address": "nobody"},
    "bounce address with a line break": {"bounce_address": "a@b.example\r\nx"},
    "bounce address too long": {"bounce_address": "x" * 40 + "@b.example"},
    "sender": {"sender": "nobody"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_settings_are_named_and_the_others_work(
    wrong: dict[str, Any],
    server: ScriptedServer,
    tmp_path: Path,
    make_trunk: MakeTrunk,
    make_attempt: MakeAttempt,
) -> None:
    gateway = SmtpGatewayType().create(gateway_context(tmp_path, StaticSettings(SETTINGS)))
    good = make_trunk(server.port)
    bad = Trunk(id=2, name="bad", type="smtp", services=good.services, host="127.0.0.1", settings=wrong)
    with pytest.raises(GatewayMisconfigured, match="bad"):
        gateway.provision([bad, good])
    sink = MemorySink()
    gateway.start(sink)
    try:
        wait_until(gateway.room, what="the good one works")
        attempt = make_attempt()
        gateway.submit([attempt])
        assert isinstance(outcome(sink, attempt), Delivered)
    finally:
        gateway.stop(5)


def test_submitting_after_the_end_is_answered(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port))
    gateway.stop(5)
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(error_of(outcome(sink, attempt)), GatewayUnavailable)


def test_stopping_lets_what_is_under_way_finish(
    start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    with ScriptedServer() as server:
        gateway, sink = start_gateway(make_trunk(server.port, connections=2))
        attempts = [make_attempt() for _ in range(100)]
        gateway.submit(attempts)
        gateway.stop(10)
        events = {attempt.id: sink.of(attempt.id) for attempt in attempts}
        assert all(len(found) == 1 for found in events.values()), "each has one outcome when stop() returns"
        got = {mail.recipients[0] for mail in server.mails}
        for attempt in attempts:
            (event,) = events[attempt.id]
            assert isinstance(event, Delivered) == (attempt.destination in got)


def test_a_rejected_address_reaches_no_server(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port))
    bad, good = make_attempt(destination="no\r\nbody@example.org"), make_attempt()
    gateway.submit([bad, good])
    error = error_of(outcome(sink, bad))
    assert isinstance(error, GatewayRejected)
    assert error.cause == cause.INVALID_ADDRESS
    assert isinstance(outcome(sink, good), Delivered)
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    "data",
    [{"text": 5}, {"attachments": [{}]}, {"attachments": "x"}, {"headers": "x"}, {"html": ["x"]}, {"subject": {}}],
    ids=str,
)
def test_a_plan_that_makes_no_sense_is_refused_and_the_next_one_goes(
    data: dict[str, Any],
    server: ScriptedServer,
    start_gateway: Start,
    make_attempt: MakeAttempt,
    make_trunk: MakeTrunk,
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port))
    bad, good = make_attempt(**data), make_attempt()
    gateway.submit([bad, good])
    assert isinstance(error_of(outcome(sink, bad)), GatewayRejected)
    assert isinstance(outcome(sink, good), Delivered)
    assert len(server.mails) == 1


def test_a_sink_that_fails_loses_no_event(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    class Moody(MemorySink):
        moods = 3

        def put(self, events: Sequence[Event]) -> Receipt:
            self.moods -= 1
            if self.moods > 0:
                raise RuntimeError("not now")
            return super().put(events)

    gateway, sink = start_gateway(make_trunk(server.port), sink=Moody())
    attempts = [make_attempt() for _ in range(5)]
    gateway.submit(attempts)
    for attempt in attempts:
        assert isinstance(outcome(sink, attempt), Delivered)


def test_no_more_files_is_a_fault_that_passes(
    server: ScriptedServer,
    start_gateway: Start,
    make_attempt: MakeAttempt,
    make_trunk: MakeTrunk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_connection(*_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("ictcore_gateway_smtp.wire.pool.Connection", no_connection)
        gateway, sink = start_gateway(make_trunk(server.port), ready=False)
        wait_until(lambda: "Too many open files" in gateway.health()[0].fault, what="the fault is told")
    wait_until(gateway.room, what="it goes on")
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(outcome(sink, attempt), Delivered)


def test_a_connection_that_was_idle_for_long_has_its_whole_time_to_answer(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, sink = start_gateway(make_trunk(server.port, command_timeout=0.8))
    server.on("MAIL", STALL)
    idle_since = time.monotonic()
    wait_until(lambda: time.monotonic() - idle_since > 1.2, what="it was idle for longer than a command may take")
    attempt = make_attempt()
    begun = time.monotonic()
    gateway.submit([attempt])
    assert isinstance(error_of(outcome(sink, attempt)), GatewayUnavailable)
    assert time.monotonic() - begun >= 0.7, "given up before its time"


def test_room_follows_the_speed_of_the_server(
    server: ScriptedServer, start_gateway: Start, make_attempt: MakeAttempt, make_trunk: MakeTrunk
) -> None:
    gateway, _ = start_gateway(make_trunk(server.port, connections=2))
    assert gateway.room() == 8

    def more() -> bool:
        gateway.submit([make_attempt() for _ in range(gateway.room())])
        return gateway.room() > 8

    wait_until(more, what="it takes more at once")
    assert gateway.room() <= 256
