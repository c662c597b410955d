"""The HTTP transport against a scripted smsbox: answers, forged callbacks, overtaking reports, receipts."""

from __future__ import annotations

import http.client
from typing import Any

import pytest
from ictcore_gateway_kannel.testing import FakeSmsbox

from ictcore.spec import (
    Delivered,
    Failed,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayUncertain,
    NotSubmitted,
    Received,
    Submitted,
    Trunk,
    cause,
)
from ictcore.testing import MemorySink, wait_until


@pytest.fixture
def gateway(http_values: Any, memory_sink: MemorySink, link_trunk: Trunk, start_gateway: Any) -> Any:
    return start_gateway(http_values, memory_sink, [link_trunk])


def outcome(sink: MemorySink, attempt: Any, count: int = 1) -> Any:
    wait_until(lambda: len(sink.of(attempt.id)) >= count, what=f"{count} events")
    return sink.of(attempt.id)[count - 1]


@pytest.mark.parametrize(
    ("mode", "error"),
    [("forbidden", GatewayMisconfigured), ("odd", GatewayProtocolError), ("half", GatewayUncertain),
     ("nonsense", GatewayProtocolError), ("drop", GatewayUncertain), ("stall", GatewayUncertain)],
)  # fmt: skip
def test_bad_answers(
    mode: str, error: type, gateway: Any, smsbox: FakeSmsbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    smsbox.mode = mode
    attempt = make_attempt()
    gateway.submit([attempt])
    event = outcome(memory_sink, attempt)
    assert isinstance(event, NotSubmitted)
    assert type(event.error) is error
    smsbox.accept()
    other = make_attempt("goes on")
    gateway.submit([other])
    assert isinstance(outcome(memory_sink, other), Submitted)
    assert len([each for each in smsbox.requests if each.query["text"] == b"Hello"]) <= 1


def test_queued_is_taken(gateway: Any, smsbox: FakeSmsbox, make_attempt: Any, memory_sink: MemorySink) -> None:
    smsbox.mode = "queued"
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(outcome(memory_sink, attempt), Submitted)


def test_what_a_request_says(gateway: Any, smsbox: FakeSmsbox, make_attempt: Any, memory_sink: MemorySink) -> None:
    plain, wide = make_attempt("Grüße & € = 50%"), make_attempt("ж" * 71, source="My Shop")
    gateway.submit([plain])
    outcome(memory_sink, plain)
    gateway.submit([wide])
    outcome(memory_sink, wide)
    first, *parts = smsbox.requests
    query = {name: value.decode() for name, value in first.query.items() if name != "dlr-url"}
    assert query == {
        "username": "ictcore", "password": "change-me", "smsc": "fake", "charset": "UTF-8", "dlr-mask": "23",
        "from": "+442071838750", "to": "+447900900123", "coding": "0", "text": "Grüße & € = 50%",
    }  # fmt: skip
    assert plain.id in first.query["dlr-url"].decode()
    assert len(parts) == 2
    assert {part.query["coding"] for part in parts} == {b"2"}
    assert sorted(part.query["udh"][4:] for part in parts) == [b"\x02\x01", b"\x02\x02"]
    assert smsbox.sent()[-1].text == "ж" * 71


def test_a_closed_idle_connection_is_not_written_to(
    gateway: Any, smsbox: FakeSmsbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    first = make_attempt()
    gateway.submit([first])
    outcome(memory_sink, first)
    smsbox.disconnect()
    wait_until(lambda: not gateway.health()[0].detail["connections"] or smsbox.connects() > 1)
    wait_until(gateway.room)
    second = make_attempt("again")
    gateway.submit([second])
    assert isinstance(outcome(memory_sink, second), Submitted)


def test_a_report_that_overtakes_follows_the_outcome(
    http_values: Any, smsbox: FakeSmsbox, make_attempt: Any, memory_sink: MemorySink, link_trunk: Trunk,
    start_gateway: Any,
) -> None:  # fmt: skip
    gateway = start_gateway({**http_values, "kannel.timeout": 1.0}, memory_sink, [link_trunk])
    smsbox.stall()
    attempt = make_attempt()
    gateway.submit([attempt])
    wait_until(lambda: smsbox.sent())
    smsbox.report(attempt.id, "delivered")
    outcome(memory_sink, attempt, 2)
    assert [type(event) for event in memory_sink.of(attempt.id)] == [NotSubmitted, Delivered]
    wait_until(lambda: smsbox.handed[0].acknowledged)


def test_a_report_is_answered_after_its_receipt(
    http_values: Any, smsbox: FakeSmsbox, make_attempt: Any, link_trunk: Trunk, start_gateway: Any
) -> None:
    sink = MemorySink(hold=True)
    gateway = start_gateway(http_values, sink, [link_trunk])
    attempt = make_attempt()
    gateway.submit([attempt])
    outcome(sink, attempt)
    smsbox.report(attempt.id, "failed")
    event = outcome(sink, attempt, 2)
    assert isinstance(event, Failed)
    assert (event.cause, event.vendor_code) == (cause.EXPIRED, "stat:EXPIRED err:001")
    other = make_attempt("a round trip later")
    gateway.submit([other])
    outcome(sink, other)
    assert smsbox.handed[0].status == 0
    sink.confirm_all()
    wait_until(lambda: smsbox.handed[0].acknowledged)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/wrong-token-0123456789/dlr?s=1&tag=ID", 404),
        ("/callback-token-012345678/dlr?s=1&tag=ID", 404),
        ("//dlr?s=1&tag=ID", 404),
        ("/callback-token-0123456789/else?s=1&tag=ID", 404),
        ("/callback-token-0123456789/dlr?s=1", 400),
        ("/callback-token-0123456789/dlr?s=x&tag=ID", 400),
        ("/callback-token-0123456789/dlr?s=1&tag=not-an-id", 400),
        ("/callback-token-0123456789/mo?text=x", 400),
        ("/callback-token-0123456789/dlr?s=64&tag=ID", 200),
    ],
)
def test_strangers_and_nonsense(
    path: str, status: int, gateway: Any, smsbox: FakeSmsbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    attempt = make_attempt()
    gateway.submit([attempt])
    outcome(memory_sink, attempt)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.transport.port, timeout=10)
    connection.request("GET", path.replace("ID", attempt.id))
    assert connection.getresponse().status == status
    connection.close()
    assert [type(event) for event in memory_sink.of(attempt.id)] == [Submitted]


def test_pipelined_and_broken_requests(gateway: Any, smsbox: FakeSmsbox, memory_sink: MemorySink) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", gateway.transport.port), timeout=10) as sock:
        sock.sendall(b"GET /a HTTP/1.1\r\n\r\n" * 2000 + b"nonsense\r\n\r\n")
        data = b""
        while chunk := sock.recv(65536):
            data += chunk
    assert data.count(b"HTTP/1.1 404") <= 2000
    assert data.count(b"HTTP/1.1 400") == 1


@pytest.mark.parametrize("key", ["01890a5d-ac96-774b-bcce-b302099a8057", ""])
def test_inbound_messages_have_keys(key: str, gateway: Any, smsbox: FakeSmsbox, memory_sink: MemorySink) -> None:
    for _ in range(2):
        handed = smsbox.inbound_data("Grüße".encode(), called="1", caller="+49", key=key, coding=0, charset="UTF-8")
        wait_until(lambda handed=handed: handed.acknowledged)  # type: ignore[misc]
    first, second = (event for event in memory_sink.events if isinstance(event, Received))
    assert first.key == second.key != ""
    assert (first.called, first.caller, first.text) == ("1", "+49", "Grüße")
    assert first.at.year == 2026


def test_the_token_is_kept_between_starts(
    http_values: Any, start_gateway: Any, link_trunk: Trunk, memory_sink: MemorySink, smsbox: FakeSmsbox
) -> None:
    values = {**http_values, "kannel.callback_token": "", "kannel.listen_port": 0}
    first = start_gateway(values, memory_sink, [link_trunk])
    path = first.transport.callback("dlr").split("/", 3)[3]
    first.stop(5.0)
    second = start_gateway(values, memory_sink, [link_trunk])
    assert second.transport.callback("dlr").split("/", 3)[3] == path
    assert len(path) > 30


def test_a_fault_of_our_own_ends_one_connection_and_not_the_gateway(
    gateway: Any, smsbox: FakeSmsbox, make_attempt: Any, memory_sink: MemorySink, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    listener, whole = gateway.transport._callbacks.listener, gateway.transport._callbacks.listener.handle

    def broken(*arguments: Any) -> None:
        monkeypatch.setattr(listener, "handle", whole)
        raise RuntimeError("this is the test's own")

    monkeypatch.setattr(listener, "handle", broken)
    handed = smsbox.inbound("x", called="1", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8051")
    wait_until(lambda: handed.refused)
    again = smsbox.inbound("x", called="1", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8051")
    wait_until(lambda: again.acknowledged)
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(outcome(memory_sink, attempt), Submitted)
    assert "fault of our own" in caplog.text
