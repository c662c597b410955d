"""The part of the gateway suite for what comes from the far side: reports, unknown events, inbound messages."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ictcore.spec import (
    EMAIL,
    Attempt,
    AttemptEvent,
    Delivered,
    Failed,
    Gateway,
    GatewayType,
    Progress,
    Received,
    Refusal,
    Submitted,
    Trunk,
    cause,
    new_attempt_id,
)
from ictcore.testing.fakes import MemorySink
from ictcore.testing.far_side import FarSide, InboundMessage
from ictcore.testing.story import check_story, stories
from ictcore.testing.suites.gateway_base import GatewayBase
from ictcore.testing.suites.gateway_safety import FOREIGN
from ictcore.testing.waiting import wait_until

UNKNOWN_EVENTS = "unknown_events"
"""Key in the ``detail`` of a gateway's :class:`~ictcore.spec.Health`: how many events it did not know."""


class ReportSuite(GatewayBase):
    """Reports find their attempt; inbound messages are kept before they are acknowledged."""

    def _taken(self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, outcome: str) -> Attempt:
        self.need(far_side, "report")
        attempt = self.attempt_for(trunk, outcome=outcome)
        assert isinstance(self.deliver(gateway, sink, attempt), Submitted)
        wait_until(lambda: self.got(far_side, attempt), self.patience, "the far side got it")
        return attempt

    def _wait(self, sink: MemorySink, attempt: Attempt, kind: type[AttemptEvent], count: int = 1) -> list[AttemptEvent]:
        def found() -> list[AttemptEvent]:
            events = stories(sink.of(attempt.id), [attempt.id])[attempt.id]
            return [event for event in events if isinstance(event, kind)]

        wait_until(lambda: len(found()) >= count, self.patience, f"{count} {kind.__name__}")
        return found()

    def test_a_report_completes_its_attempt(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """And no other one."""
        attempt = self._taken(gateway, sink, far_side, trunk, "delivered")
        other = self._taken(gateway, sink, far_side, trunk, "delivered")
        far_side.report(attempt.id, "delivered")
        self._wait(sink, attempt, Delivered)
        assert not any(isinstance(event, (Delivered, Failed)) for event in sink.of(other.id))
        self.check(sink, attempt, other)

    def test_a_bad_report_fails_its_attempt_with_a_cause(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """With the far side's own word."""
        attempt = self._taken(gateway, sink, far_side, trunk, "failed")
        far_side.report(attempt.id, "failed")
        (event,) = self._wait(sink, attempt, Failed)
        assert isinstance(event, Failed)
        assert event.cause in cause.ALL
        assert event.cause != cause.NORMAL
        assert event.vendor_code or event.detail, "the far side's own word is missing"
        self.check(sink, attempt)

    def test_progress_is_not_the_end(self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk) -> None:
        """The end comes with its own report."""
        attempt = self._taken(gateway, sink, far_side, trunk, "delivered")
        far_side.report(attempt.id, "progress")
        self._wait(sink, attempt, Progress)
        assert not any(isinstance(event, (Delivered, Failed)) for event in sink.of(attempt.id))
        far_side.report(attempt.id, "delivered")
        self._wait(sink, attempt, Delivered)
        self.check(sink, attempt)

    def test_a_repeated_report_can_be_recognised(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """Both have the same key."""
        attempt = self._taken(gateway, sink, far_side, trunk, "delivered")
        last = self._taken(gateway, sink, far_side, trunk, "delivered")
        far_side.report(attempt.id, "delivered")
        self._wait(sink, attempt, Delivered)
        far_side.report(attempt.id, "delivered", again=True)
        far_side.report(last.id, "delivered")
        self._wait(sink, last, Delivered)
        keys = {event.key for event in self._wait(sink, attempt, Delivered)}
        assert len(keys) == 1, f"one report has two keys, so it would count twice: {keys}"
        self.check(sink, attempt, last)

    def test_a_report_for_nobody_does_no_harm(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """It is about an attempt that this system does not know."""
        self.need(far_side, "report")
        stranger = new_attempt_id()
        far_side.report(stranger, "delivered")
        attempt = self._taken(gateway, sink, far_side, trunk, "delivered")
        far_side.report(attempt.id, "delivered")
        self._wait(sink, attempt, Delivered)
        assert all(
            event.attempt_id in (attempt.id, stranger) for event in sink.events if not isinstance(event, Received)
        )

    def test_unknown_events_are_ignored_and_counted(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """Health counts them, the sink does not see them."""
        self.need(far_side, "unknown")

        def counted() -> int:
            return sum(int(each.detail.get(UNKNOWN_EVENTS, 0)) for each in gateway.health())

        before = counted()
        far_side.unknown_event()
        wait_until(lambda: counted() > before, self.patience, f"health counts {UNKNOWN_EVENTS}")
        assert not sink.events
        self.need_verb(gateway_type, "send")
        attempt = self.attempt_for(trunk)
        self.deliver(gateway, sink, attempt)
        check_story(stories(sink.of(attempt.id), [attempt.id])[attempt.id])

    # Inbound.

    def _addresses(self) -> tuple[str, str]:
        """``(called, caller)`` of inbound messages."""
        return ("shop@example.com", "ada@example.org") if self.service == EMAIL else ("+442071838750", "+447700900123")

    def _inbound(self, far_side: FarSide, text: str, key: str = "") -> InboundMessage:
        called, caller = self._addresses()
        return far_side.inbound(text, called=called, caller=caller, key=key or new_attempt_id())

    def _received(self, sink: MemorySink, count: int = 1) -> list[Received]:
        def found(events: list[object]) -> list[Received]:
            return [event for event in events if isinstance(event, Received)]

        return found(sink.wait_for(lambda events: len(found(list(events))) >= count, self.patience))  # type: ignore[arg-type]

    @pytest.mark.parametrize("text", ["Hello", "two\nlines", *FOREIGN])
    def test_an_inbound_message_arrives_as_it_was_sent(
        self, text: str, gateway: Gateway, sink: MemorySink, far_side: FarSide, gateway_type: GatewayType
    ) -> None:
        """Both sides, the text, a key; then it is acknowledged."""
        self.need_verb(gateway_type, "receive")
        self.need(far_side, "inbound")
        handed = self._inbound(far_side, text)
        (message,) = self._received(sink)
        called, caller = self._addresses()
        assert message.service == self.service
        assert message.gateway == gateway_type.name
        assert (message.called, message.caller) == (called, caller)
        assert self.comparable(message.text) == self.comparable(text)
        assert message.key
        assert message.at.tzinfo is not None
        wait_until(lambda: handed.acknowledged, self.patience, "it is acknowledged")
        assert not handed.refused

    def test_nothing_is_acknowledged_before_it_is_kept(
        self, make_gateway: Callable[[MemorySink], Gateway], far_side: FarSide, gateway_type: GatewayType
    ) -> None:
        """The far side forgets it only when the receipt is confirmed."""
        self.need_verb(gateway_type, "receive")
        self.need(far_side, "inbound")
        sink = MemorySink(hold=True)
        make_gateway(sink)
        handed = self._inbound(far_side, "keep me")
        self._received(sink)
        # A gateway that is too early is so at once; waiting a little catches it, and never blames one that waits.
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:
            assert not handed.acknowledged, "acknowledged before the receipt was confirmed: a crash now loses it"
            time.sleep(0.01)
        if not handed.refused:  # it may also have asked the far side to come again
            sink.confirm_all()
            wait_until(lambda: handed.acknowledged or handed.refused, self.patience, "it is acknowledged")

    def test_what_nobody_takes_is_refused(
        self, make_gateway: Callable[[MemorySink], Gateway], far_side: FarSide, gateway_type: GatewayType
    ) -> None:
        """The far side learns it, where its protocol can say so."""
        self.need_verb(gateway_type, "receive")
        self.need(far_side, "inbound")
        sink = MemorySink(refuse=lambda event: Refusal("no route", cause="unallocated"))
        make_gateway(sink)
        handed = self._inbound(far_side, "for nobody")
        wait_until(lambda: handed.refused or handed.acknowledged, self.patience, "it has an answer")
        assert handed.refused or not self.refuses_inbound, "taken, although nobody takes it"

    def test_a_repeated_inbound_message_has_the_same_key(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, gateway_type: GatewayType
    ) -> None:
        """So that it is taken once; another one has another key."""
        self.need_verb(gateway_type, "receive")
        self.need(far_side, "inbound")
        key = new_attempt_id()
        for count in (1, 2):
            handed = self._inbound(far_side, "again", key)
            self._received(sink, count)
            wait_until(lambda handed=handed: handed.acknowledged, self.patience, "it is acknowledged")  # type: ignore[misc]
        self._inbound(far_side, "another")
        first, second, other = self._received(sink, 3)
        assert first.key == second.key
        assert other.key != first.key
