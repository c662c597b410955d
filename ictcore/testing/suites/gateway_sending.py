"""The part of the gateway suite in which all is well."""

from __future__ import annotations

import threading
from typing import Any

import msgspec

from ictcore.spec import (
    FLAGS,
    Delivered,
    Failed,
    Gateway,
    GatewayContext,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayThrottled,
    GatewayType,
    GatewayUnavailable,
    NotSubmitted,
    Submitted,
    Trunk,
    cause,
)
from ictcore.testing.fakes import MemorySink
from ictcore.testing.far_side import FarSide
from ictcore.testing.story import stories
from ictcore.testing.suites.gateway_base import GatewayBase, network, open_files
from ictcore.testing.waiting import wait_until


class SendingSuite(GatewayBase):
    """Attempts go out once, each with one outcome."""

    def test_type_declares_what_it_is(self, gateway_type: GatewayType) -> None:
        """Services and verbs are known words, provider types have names and a schema."""
        assert gateway_type.name
        assert gateway_type.capabilities
        assert gateway_type.provider_types
        for capability in gateway_type.capabilities:
            assert capability.service in FLAGS
            assert capability.verb in ("send", "receive", "report")
        names = [each.name for each in gateway_type.provider_types]
        assert len(names) == len(set(names))
        for each in gateway_type.provider_types:
            assert each.services <= set(FLAGS)
            msgspec.json.schema(each.settings)

    def test_creating_does_no_io(self, gateway_type: GatewayType, context: GatewayContext) -> None:
        """``create()`` starts no thread and opens no connection, and leaves nothing when it is stopped at once."""
        threads, files = set(threading.enumerate()), open_files()
        gateway = gateway_type.create(context)
        assert not set(threading.enumerate()) - threads, "creating a gateway started a thread"
        assert not network(open_files() - files), "creating a gateway opened a connection"
        assert gateway.room() >= 0
        gateway.stop(1.0)
        assert not open_files() - files, "a gateway that never ran leaves a file open"

    def test_an_attempt_goes_out_once(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """The far side gets it once, and the events tell a story that can be true."""
        self.need_verb(gateway_type, "send")
        attempt = self.attempt_for(trunk)
        event = self.deliver(gateway, sink, attempt)
        assert isinstance(event, (Submitted, Delivered)), f"refused: {event!r}"
        wait_until(lambda: self.got(far_side, attempt), self.patience, "the far side got it")
        gateway.stop(self.patience)
        assert len(self.got(far_side, attempt)) == 1
        self.check(sink, attempt)

    def test_every_attempt_of_a_batch_has_one_outcome(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """None is lost, none is doubled."""
        self.need_verb(gateway_type, "send")
        attempts = [self.attempt_for(trunk, text=f"number {number}") for number in range(30)]
        waiting = list(attempts)
        while waiting:
            batch, waiting = waiting[: (room := self.wait_for_room(gateway))], waiting[room:]
            gateway.submit(batch)
        gateway.submit([])
        for attempt in attempts:
            event = self.outcome(sink, attempt)
            assert isinstance(event, (Submitted, Delivered)), f"refused: {event!r}"
        wait_until(lambda: all(self.got(far_side, attempt) for attempt in attempts), self.patience, "all arrived")
        gateway.stop(self.patience)
        assert all(len(self.got(far_side, attempt)) == 1 for attempt in attempts)
        self.check(sink, *attempts)

    def test_the_same_id_twice_is_sent_once(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """In one batch, in the next one, and after it is done."""
        self.need_verb(gateway_type, "send")
        attempt = self.attempt_for(trunk)
        gateway.submit([attempt, attempt])
        gateway.submit([attempt])
        self.outcome(sink, attempt)
        gateway.submit([attempt])
        others = [self.attempt_for(trunk) for _ in range(10)]
        for other in others:
            self.deliver(gateway, sink, other)
        gateway.stop(self.patience)
        wait_until(lambda: all(self.got(far_side, other) for other in others), self.patience, "later ones arrived")
        assert len(self.got(far_side, attempt)) == 1, "one id was sent more than once"
        self.check(sink, attempt, *others)

    def test_a_refusal_is_final_and_has_a_cause(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """``GatewayRejected`` or ``Failed``, a cause of ours, and the far side's own word."""
        self.need(far_side, "reject")
        far_side.reject()
        attempt = self.attempt_for(trunk, outcome="rejected")
        gateway.submit([attempt])
        wait_until(
            lambda: any(
                isinstance(event, Failed)
                or (isinstance(event, NotSubmitted) and isinstance(event.error, GatewayRejected))
                for event in sink.of(attempt.id)
            ),
            self.patience,
            "the attempt is refused",
        )
        last: Any = stories(sink.of(attempt.id), [attempt.id])[attempt.id][-1]
        told: Any = last if isinstance(last, Failed) else last.error
        assert told.cause in cause.ALL
        assert told.vendor_code, "the far side's own word is missing"
        self.check(sink, attempt)

    def test_throttling_is_told_as_such(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """``GatewayThrottled`` with a time, or ``GatewayUnavailable``: it may be sent later."""
        self.need(far_side, "throttle")
        far_side.throttle()
        attempt = self.attempt_for(trunk, outcome="throttled")
        gateway.submit([attempt])
        event = self.outcome(sink, attempt)
        assert isinstance(event, NotSubmitted)
        assert isinstance(event.error, (GatewayThrottled, GatewayUnavailable)), repr(event)
        if isinstance(event.error, GatewayThrottled):
            assert 0 < event.error.retry_after <= 3600
        self.check(sink, attempt)

    def test_an_attempt_whose_provider_is_gone_is_not_lost(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """It comes back to the queue, and nothing was sent."""
        self.need_verb(gateway_type, "send")
        gateway.provision([])
        attempt = self.attempt_for(trunk)
        gateway.submit([attempt])
        event = self.outcome(sink, attempt)
        assert isinstance(event, NotSubmitted)
        assert isinstance(event.error, (GatewayUnavailable, GatewayMisconfigured)), repr(event)
        assert not self.got(far_side, attempt)
        gateway.provision([trunk])
        other = self.attempt_for(trunk)
        assert isinstance(self.deliver(gateway, sink, other), (Submitted, Delivered))
        self.check(sink, attempt, other)

    def test_provisioning_twice_changes_nothing(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """Nothing is written or reloaded, and it goes on sending."""
        before = far_side.configuration() if "configuration" in far_side.controls else None
        for _ in range(2):
            gateway.provision([trunk])
            if before is not None:
                assert far_side.configuration() == before, "provisioning the same trunks did something"
            if self.has_verb(gateway_type, "send"):
                assert isinstance(self.deliver(gateway, sink, self.attempt_for(trunk)), (Submitted, Delivered))

    def test_reconciling_sends_nothing(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """It answers about the ids that were asked for, and never sends."""
        self.need_verb(gateway_type, "send")
        known, unknown = self.attempt_for(trunk), self.attempt_for(trunk)
        self.deliver(gateway, sink, known)
        wait_until(lambda: self.got(far_side, known), self.patience, "the far side got it")
        answer = gateway.reconcile([known.id, unknown.id])
        told = {event.attempt_id for event in answer.events if not hasattr(event, "service")}
        for part in (told, answer.never_sent, answer.pending):
            assert part <= {known.id, unknown.id}, "the answer names an id that nobody asked for"
        assert not answer.never_sent & answer.pending
        assert known.id not in answer.never_sent, "what was sent is called never sent: it would be sent again"
        gateway.stop(self.patience)
        assert len(self.got(far_side, known)) == 1
        assert not self.got(far_side, unknown)

    def test_room_shrinks_while_attempts_are_under_way(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """``room()`` counts what has no outcome yet."""
        self.need(far_side, "stall")
        far_side.stall()
        room = self.wait_for_room(gateway)
        attempts = [self.attempt_for(trunk, outcome="stall") for _ in range(min(room, 50))]
        gateway.submit(attempts)
        left = gateway.room()
        done = sum(1 for attempt in attempts if sink.of(attempt.id))
        assert 0 <= left <= room - len(attempts) + done, "room() does not count what is under way"
        far_side.accept()
        for attempt in attempts:
            self.outcome(sink, attempt)
        self.check(sink, *attempts)

    def test_submitting_does_not_wait_for_the_far_side(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """``submit()`` returns at once while nothing answers."""
        self.need(far_side, "stall")
        far_side.stall()
        waited = 0
        for _ in range(3):  # a pause of the whole machine may look like it once, not every time
            attempt = self.attempt_for(trunk, outcome="stall")
            gateway.submit([attempt])
            waited += bool(sink.of(attempt.id))
            self.outcome(sink, attempt)
            self.wait_for_room(gateway)
        assert waited < 3, "submit() came back only when the far side's time was over"

    def test_a_stopped_gateway_has_no_room(self, gateway: Gateway) -> None:
        """``room()`` is 0 after ``stop()``."""
        gateway.stop(self.patience)
        assert gateway.room() == 0
