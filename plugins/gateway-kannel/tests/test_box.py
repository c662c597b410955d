"""The box transport against a scripted bearerbox: cuts, commands, overtaking reports, receipts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ictcore_gateway_kannel.testing import FakeBearerbox
from ictcore_gateway_kannel.text import Concatenation
from ictcore_gateway_kannel.wire import frames

from ictcore.spec import (
    Delivered,
    Failed,
    GatewayRejected,
    GatewayUnavailable,
    GatewayUncertain,
    NotSubmitted,
    Received,
    Refusal,
    Submitted,
    Trunk,
    cause,
    utc_now,
)
from ictcore.testing import MemorySink, wait_until


@pytest.fixture
def gateway(box_values: Any, memory_sink: MemorySink, link_trunk: Trunk, start_gateway: Any) -> Any:
    return start_gateway(box_values, memory_sink, [link_trunk])


def kinds(sink: MemorySink, attempt: Any) -> list[str]:
    return [type(event).__name__ for event in sink.of(attempt.id)]


def outcome(sink: MemorySink, attempt: Any, count: int = 1) -> Any:
    wait_until(lambda: len(sink.of(attempt.id)) >= count, what=f"{count} events")
    return sink.of(attempt.id)[count - 1]


@pytest.mark.parametrize("cut", [1, 3, 7, 55])
def test_cut_frames(
    cut: int, gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    bearerbox.cut = cut
    attempts = [make_attempt(f"number {number}") for number in range(5)]
    gateway.submit(attempts)
    for attempt in attempts:
        assert isinstance(outcome(memory_sink, attempt), Submitted)
    handed = bearerbox.report_tag(attempts[0].id.encode(), "failed", cut=cut)
    assert isinstance(outcome(memory_sink, attempts[0], 2), Failed)
    wait_until(lambda: handed.acknowledged)


def test_half_an_acknowledgement_is_uncertain(
    gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    bearerbox.mode = "half"
    attempt = make_attempt()
    gateway.submit([attempt])
    event = outcome(memory_sink, attempt)
    assert isinstance(event, NotSubmitted)
    assert isinstance(event.error, GatewayUncertain)


def test_it_says_who_it_is_and_that_it_lives(
    box_values: Any, bearerbox: FakeBearerbox, start_gateway: Any, link_trunk: Trunk, memory_sink: MemorySink
) -> None:
    values = {**box_values, "kannel.box_name": "node-7", "kannel.heartbeat": 0.1}
    start_gateway(values, memory_sink, [link_trunk])
    wait_until(lambda: bearerbox.heartbeats >= 2)
    assert bearerbox.box_name == b"node-7"


def test_suspended_and_resumed(
    gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    wait_until(lambda: bearerbox.box_name)
    bearerbox.command(frames.SUSPEND)
    wait_until(lambda: gateway.room() == 0)
    attempt = make_attempt()
    gateway.submit([attempt])
    assert any("suspended" in each.fault for each in gateway.health())
    assert bearerbox.messages == []
    bearerbox.command(frames.RESUME)
    assert isinstance(outcome(memory_sink, attempt), Submitted)
    assert gateway.room() > 0


@pytest.mark.parametrize("command", [frames.SHUTDOWN, frames.RESTART])
def test_bearerbox_goes_down(
    command: int, gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    wait_until(lambda: bearerbox.box_name)
    before = bearerbox.connects()
    bearerbox.command(command)
    wait_until(lambda: bearerbox.connects() > before, what="it comes back by itself")
    wait_until(gateway.room)
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(outcome(memory_sink, attempt), Submitted)


def test_the_window_is_kept(
    box_values: Any, bearerbox: FakeBearerbox, start_gateway: Any, link_trunk: Trunk, memory_sink: MemorySink,
    make_attempt: Any,
) -> None:  # fmt: skip
    gateway = start_gateway({**box_values, "kannel.window": 10, "kannel.timeout": 30.0}, memory_sink, [link_trunk])
    assert gateway.room() == 10
    bearerbox.stall()
    attempts = [make_attempt() for _ in range(25)]
    gateway.submit(attempts)
    wait_until(lambda: len(bearerbox.messages) == 10)
    assert gateway.room() == 0
    bearerbox.disconnect()
    for attempt in attempts:
        assert isinstance(outcome(memory_sink, attempt), NotSubmitted)
    errors = [type(memory_sink.of(attempt.id)[0].error) for attempt in attempts]  # type: ignore[union-attr]
    assert errors == [GatewayUncertain] * 10 + [GatewayUnavailable] * 15
    assert len(bearerbox.messages) == 10, "what was not written stays unsent"


def test_a_late_acknowledgement_settles_it(
    gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    bearerbox.stall()
    attempt = make_attempt()
    gateway.submit([attempt])
    event = outcome(memory_sink, attempt)
    assert isinstance(event, NotSubmitted)
    assert isinstance(event.error, GatewayUncertain)
    wait_until(lambda: any("not answered" in each.fault for each in gateway.health()))
    assert gateway.room() == 1, "one at a time, to see whether it answers again"
    bearerbox.write(frames.ack(attempt.id.encode()))
    assert isinstance(outcome(memory_sink, attempt, 2), Submitted)
    wait_until(lambda: gateway.room() > 1)


def test_a_report_that_overtakes_follows_the_outcome(
    gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink
) -> None:
    bearerbox.stall()
    attempt = make_attempt()
    gateway.submit([attempt])
    wait_until(lambda: bearerbox.messages)
    handed = bearerbox.report_tag(attempt.id.encode(), "delivered")
    bearerbox.write(frames.ack(attempt.id.encode()))
    wait_until(lambda: handed.acknowledged)
    assert kinds(memory_sink, attempt) == ["Submitted", "Delivered"]


def test_nothing_is_acknowledged_before_the_receipt(
    box_values: Any, bearerbox: FakeBearerbox, start_gateway: Any, link_trunk: Trunk, make_attempt: Any
) -> None:
    sink = MemorySink(hold=True)
    gateway = start_gateway(box_values, sink, [link_trunk])
    attempt = make_attempt()
    gateway.submit([attempt])
    outcome(sink, attempt)
    handed = bearerbox.report_tag(attempt.id.encode(), "delivered")
    outcome(sink, attempt, 2)
    other = make_attempt("a round trip later")
    gateway.submit([other])
    outcome(sink, other)
    assert not handed.acknowledged
    sink.confirm_all()
    wait_until(lambda: handed.acknowledged)


def test_a_receipt_of_a_lost_connection_acknowledges_nothing(
    box_values: Any, bearerbox: FakeBearerbox, start_gateway: Any, link_trunk: Trunk, make_attempt: Any
) -> None:
    sink = MemorySink(hold=True)
    gateway = start_gateway(box_values, sink, [link_trunk])
    handed = bearerbox.inbound("first", called="1", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8057")
    sink.wait_for(lambda events: bool(events))
    before = bearerbox.connects()
    bearerbox.disconnect()
    wait_until(lambda: bearerbox.connects() > before)
    wait_until(gateway.room)
    sink.confirm_all()
    attempt = make_attempt()
    gateway.submit([attempt])
    outcome(sink, attempt)
    assert not handed.acknowledged
    again = bearerbox.inbound("first", called="1", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8057")
    wait_until(lambda: sum(isinstance(event, Received) for event in sink.events) == 2)
    sink.confirm_all()
    wait_until(lambda: again.acknowledged)


def test_what_nobody_takes_is_refused_and_the_rest_is_not(
    box_values: Any, bearerbox: FakeBearerbox, start_gateway: Any, link_trunk: Trunk
) -> None:
    def refuse(event: Any) -> Refusal | None:
        return Refusal("no route") if getattr(event, "called", "") == "404" else None

    sink = MemorySink(refuse)
    start_gateway(box_values, sink, [link_trunk])
    bad = bearerbox.inbound("x", called="404", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8051")
    good = bearerbox.inbound("y", called="200", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8052")
    wait_until(lambda: bad.nacks and good.nacks)
    assert (bad.nacks, good.nacks) == ([frames.ACK_FAILED], [frames.ACK_SUCCESS])


def test_a_long_inbound_message_is_acknowledged_as_a_whole(
    gateway: Any, bearerbox: FakeBearerbox, memory_sink: MemorySink
) -> None:
    keys = [f"01890a5d-ac96-774b-bcce-b302099a805{number}" for number in (1, 2)]

    def hand(number: int) -> Any:
        place = Concatenation(5, 2, number)
        return bearerbox.inbound_part(
            f"part {number} ".encode(), called="1", caller="2", key=keys[number - 1], coding=0, place=place
        )

    first = hand(1)
    single = bearerbox.inbound("single", called="1", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8059")
    wait_until(lambda: single.acknowledged)
    assert not first.nacks
    second = hand(2)
    wait_until(lambda: first.acknowledged and second.acknowledged)
    received = [event for event in memory_sink.events if isinstance(event, Received)]
    assert [(event.text, event.key) for event in received][1:] == [("part 1 part 2 ", keys[0])]


def test_parts_that_never_come_do_not_hold_the_rest_for_ever(
    box_values: Any, bearerbox: FakeBearerbox, start_gateway: Any, link_trunk: Trunk, memory_sink: MemorySink
) -> None:
    start_gateway({**box_values, "kannel.join_wait": 0.2}, memory_sink, [link_trunk])
    handed = bearerbox.inbound_part(
        b"alone", called="1", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8051", coding=0,
        place=Concatenation(5, 3, 2),
    )  # fmt: skip
    wait_until(lambda: handed.acknowledged)
    (event,) = memory_sink.events
    assert isinstance(event, Received)
    assert event.text == "[…]alone[…]"


def test_parts_share_a_fate(gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink) -> None:
    attempt, other = make_attempt("ж" * 100), make_attempt("ж" * 100)
    gateway.submit([attempt, other])
    assert isinstance(outcome(memory_sink, attempt), Submitted)
    tags = [message.dlr_url.decode() for message in bearerbox.messages]
    assert tags == [f"{each.id}/{number}/2" for each in (attempt, other) for number in (1, 2)]
    assert len({message.id for message in bearerbox.messages}) == 4
    for number in (2, 1, 1):
        bearerbox.report_tag(f"{attempt.id}/{number}/2".encode(), "delivered")
    bearerbox.report_tag(f"{other.id}/1/2".encode(), "delivered")
    bearerbox.report_tag(f"{other.id}/2/2".encode(), "failed")
    wait_until(lambda: any(isinstance(event, Failed) for event in memory_sink.of(other.id)))
    delivered = [event for event in memory_sink.of(attempt.id) if isinstance(event, Delivered)]
    assert [event.amount for event in delivered] == [2.0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"destination": "12 34"}, cause.INVALID_ADDRESS, id="spaces"),
        pytest.param({"destination": "+"}, cause.INVALID_ADDRESS, id="only a plus"),
        pytest.param({"destination": "1" * 21}, cause.INVALID_ADDRESS, id="21 digits"),
        pytest.param({"destination": "١٢٣"}, cause.INVALID_ADDRESS, id="digits of another script"),
        pytest.param({"source": "a name that is too long"}, cause.FORBIDDEN, id="long sender"),
        pytest.param({"source": "Grüße"}, cause.FORBIDDEN, id="sender not ASCII"),
        pytest.param({"text": "x" * 1531}, cause.CONTENT, id="eleven parts"),
        pytest.param({"expires_at": utc_now() - timedelta(seconds=1)}, cause.EXPIRED, id="too late"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_it_leaves(
    changes: dict[str, Any], expected: str, gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any,
    memory_sink: MemorySink,
) -> None:  # fmt: skip
    attempt = make_attempt(**changes)
    gateway.submit([attempt])
    event = outcome(memory_sink, attempt)
    assert isinstance(event, NotSubmitted)
    assert isinstance(event.error, GatewayRejected)
    assert event.error.cause == expected
    assert bearerbox.messages == []


def test_fields_of_a_message(
    gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink, box_values: Any
) -> None:
    until = utc_now() + timedelta(hours=1)
    plain = make_attempt("Grüße €", expires_at=until)
    named = make_attempt("x", source="", **{"from": "My Shop"})
    nobody = make_attempt("x", source="")
    gateway.submit([plain, named, nobody])
    for attempt in (plain, named, nobody):
        outcome(memory_sink, attempt)
    first, second, third = bearerbox.messages
    assert (first.data.decode(), first.coding, first.smsc, first.dlr_mask) == ("Grüße €", 0, b"fake", 23)
    assert first.id == first.dlr_url == plain.id.encode()
    assert (second.sender, third.sender) == (b"My Shop", b"ICTCore")


def test_a_fault_of_our_own_ends_the_connection_and_not_the_gateway(
    gateway: Any, bearerbox: FakeBearerbox, make_attempt: Any, memory_sink: MemorySink, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    intake, whole = gateway.transport._intake, gateway.transport._intake.message

    def broken(*arguments: Any) -> None:
        monkeypatch.setattr(intake, "message", whole)
        raise RuntimeError("this is the test's own")

    monkeypatch.setattr(intake, "message", broken)
    before = bearerbox.connects()
    bearerbox.inbound("x", called="1", caller="2", key="01890a5d-ac96-774b-bcce-b302099a8051")
    wait_until(lambda: bearerbox.connects() > before)
    wait_until(gateway.room)
    attempt = make_attempt()
    gateway.submit([attempt])
    assert isinstance(outcome(memory_sink, attempt), Submitted)
    assert "fault of our own" in caplog.text
