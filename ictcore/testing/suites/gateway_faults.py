"""The part of the gateway suite in which the far side fails, and the one in which the gateway ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ictcore.spec import (
    Attempt,
    Delivered,
    Gateway,
    GatewayContext,
    GatewayProtocolError,
    GatewayThrottled,
    GatewayType,
    GatewayUnavailable,
    GatewayUncertain,
    NotSubmitted,
    Submitted,
    Trunk,
)
from ictcore.testing.fakes import MemorySink
from ictcore.testing.far_side import FarSide
from ictcore.testing.suites.gateway_base import GatewayBase, open_files
from ictcore.testing.waiting import wait_until

_MAY_HAVE_LEFT = (GatewayUncertain, GatewayProtocolError)
_NOTHING_LEFT = (GatewayUnavailable, GatewayThrottled)


class FaultSuite(GatewayBase):
    """Nothing is sent twice, nothing is lost, and it goes on by itself afterwards."""

    def test_an_absent_far_side_is_no_error_and_health_tells(
        self,
        far_side: FarSide,
        make_gateway: Callable[[MemorySink], Gateway],
        sink: MemorySink,
        trunk: Trunk,
        gateway_type: GatewayType,
    ) -> None:
        """It starts, says what is wrong, and heals by itself."""
        self.need(far_side, "absent")
        far_side.stop()
        gateway = make_gateway(sink)
        attempt = self.attempt_for(trunk)
        if gateway.room():  # a gateway that connects only when there is something to send learns it now
            gateway.submit([attempt])
            event = self.outcome(sink, attempt)
            assert isinstance(event, NotSubmitted)
            assert isinstance(event.error, _NOTHING_LEFT), repr(event)
        wait_until(lambda: any(each.fault for each in gateway.health()), self.patience, "health names the fault")
        assert all(each.name for each in gateway.health())
        far_side.start()
        other = self.attempt_for(trunk)
        event = self.deliver(gateway, sink, other)
        assert isinstance(event, (Submitted, Delivered)), repr(event)
        wait_until(lambda: self.got(far_side, other), self.patience, "the far side got it")
        wait_until(lambda: not any(each.fault for each in gateway.health()), self.patience, "health is well again")

    def test_health_is_well_when_all_is_well(
        self, gateway: Gateway, sink: MemorySink, trunk: Trunk, gateway_type: GatewayType
    ) -> None:
        """No fault after a success, and no name twice."""
        self.need_verb(gateway_type, "send")
        self.deliver(gateway, sink, self.attempt_for(trunk))
        wait_until(lambda: not any(each.fault for each in gateway.health()), self.patience, "no fault")
        names = [each.name for each in gateway.health()]
        assert len(names) == len(set(names))

    def test_the_far_side_dies_between_two_attempts(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """The second has an honest outcome, the third goes out."""
        self.need(far_side, "absent")
        first = self.attempt_for(trunk)
        self.deliver(gateway, sink, first)
        wait_until(lambda: self.got(far_side, first), self.patience, "the far side got it")
        far_side.stop()
        second = self.attempt_for(trunk)
        gateway.submit([second])
        event = self.outcome(sink, second)
        assert isinstance(event, NotSubmitted), f"nobody was there to take it: {event!r}"
        assert isinstance(event.error, (*_NOTHING_LEFT, *_MAY_HAVE_LEFT)), repr(event)
        far_side.start()
        third = self.attempt_for(trunk)
        assert isinstance(self.deliver(gateway, sink, third), (Submitted, Delivered))
        wait_until(lambda: self.got(far_side, third), self.patience, "the far side got it")
        gateway.stop(self.patience)
        if isinstance(event.error, _MAY_HAVE_LEFT):
            assert not self.got(far_side, second), "an uncertain attempt was sent after all"
        assert len(self.got(far_side, first)) == 1
        self.check(sink, first, second, third)

    def test_the_same_id_may_come_again_when_nothing_left(
        self, far_side: FarSide, make_gateway: Callable[[MemorySink], Gateway], sink: MemorySink, trunk: Trunk
    ) -> None:
        """As the dispatcher does after ``GatewayUnavailable``."""
        self.need(far_side, "absent")
        far_side.stop()
        gateway = make_gateway(sink)
        attempt = self.attempt_for(trunk)
        gateway.submit([attempt])
        event = self.outcome(sink, attempt)
        assert isinstance(event, NotSubmitted)
        assert isinstance(event.error, _NOTHING_LEFT), repr(event)
        far_side.start()
        for count in range(2, 200):
            self.wait_for_room(gateway)
            gateway.submit([attempt])
            event = self.outcome(sink, attempt, count)
            if not isinstance(event, NotSubmitted):
                break
        assert isinstance(event, (Submitted, Delivered)), repr(event)
        wait_until(lambda: self.got(far_side, attempt), self.patience, "the far side got it")
        gateway.stop(self.patience)
        assert len(self.got(far_side, attempt)) == 1
        self.check(sink, attempt)

    def _may_have_left(self, gateway: Gateway, sink: MemorySink, far_side: FarSide, attempt: Attempt) -> None:
        """One attempt that the far side takes and does not answer well; then all is well again."""
        gateway.submit([attempt])
        event = self.outcome(sink, attempt)
        assert isinstance(event, NotSubmitted), f"nobody said that it was taken: {event!r}"
        assert isinstance(event.error, _MAY_HAVE_LEFT), f"it may have left, and would be sent again: {event!r}"
        far_side.accept()
        self.wait_for_room(gateway)
        gateway.submit([attempt])

    def _goes_on(self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk, uncertain: Attempt) -> None:
        others = [self.attempt_for(trunk) for _ in range(5)]
        for other in others:
            event = self.deliver(gateway, sink, other)
            assert isinstance(event, (Submitted, Delivered)), repr(event)
        wait_until(lambda: all(self.got(far_side, other) for other in others), self.patience, "later ones arrived")
        gateway.stop(self.patience)
        assert len(self.got(far_side, uncertain)) == 1, "what may have left was sent again"
        self.check(sink, uncertain, *others)

    def test_the_far_side_dies_before_it_answers(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """What may have left is uncertain and never sent again."""
        self.need(far_side, "drop")
        far_side.drop_before_reply()
        attempt = self.attempt_for(trunk, outcome="drop")
        self._may_have_left(gateway, sink, far_side, attempt)
        self._goes_on(gateway, sink, far_side, trunk, attempt)

    def test_the_far_side_never_answers(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """The gateway's own time limit ends the wait: uncertain, never sent again."""
        self.need(far_side, "stall")
        far_side.stall()
        attempt = self.attempt_for(trunk, outcome="stall")
        self._may_have_left(gateway, sink, far_side, attempt)
        self._goes_on(gateway, sink, far_side, trunk, attempt)

    def test_the_far_side_answers_nonsense(
        self, gateway: Gateway, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """No success is read out of it, and it goes on afterwards."""
        self.need(far_side, "nonsense")
        far_side.nonsense()
        attempt = self.attempt_for(trunk, outcome="nonsense")
        self._may_have_left(gateway, sink, far_side, attempt)
        self._goes_on(gateway, sink, far_side, trunk, attempt)

    def test_reconnecting_backs_off(
        self, far_side: FarSide, make_gateway: Callable[[MemorySink], Gateway], sink: MemorySink, trunk: Trunk
    ) -> None:
        """Connections that are closed at once are not made over and over."""
        self.need(far_side, "slam")
        far_side.slam()
        gateway = make_gateway(sink)
        begun, before = time.monotonic(), far_side.connects()
        attempts: list[Attempt] = []
        while time.monotonic() < begun + 1.0 and far_side.connects() < before + 200:
            if gateway.room() and len(attempts) < 3:
                attempts.append(self.attempt_for(trunk))
                gateway.submit(attempts[-1:])
            time.sleep(0.01)
        made, passed = far_side.connects() - before, time.monotonic() - begun
        assert made <= 50 + 50 * passed, f"{made} connections within {passed:.1f} s"
        far_side.accept()
        other = self.attempt_for(trunk)
        assert isinstance(self.deliver(gateway, sink, other), (Submitted, Delivered))
        for attempt in attempts:
            self.outcome(sink, attempt)
        self.check(sink, *attempts, other)

    def test_stopping_leaves_no_thread_and_no_socket(
        self,
        gateway_type: GatewayType,
        context: GatewayContext,
        sink: MemorySink,
        far_side: FarSide,
        trunk: Trunk,
    ) -> None:
        """After ``stop()``, and a second ``stop()``."""
        threads, files = set(threading.enumerate()), open_files()
        gateway = gateway_type.create(context)
        gateway.provision([trunk])
        gateway.start(sink)
        self.wait_for_room(gateway)
        if self.has_verb(gateway_type, "send"):
            self.deliver(gateway, sink, self.attempt_for(trunk))
        gateway.stop(self.patience)
        gateway.stop(1.0)
        wait_until(lambda: not set(threading.enumerate()) - threads, self.patience, "no thread is left")
        wait_until(lambda: not open_files() - files, self.patience, f"no file is left: {open_files() - files}")

    def test_stopping_while_nothing_answers_leaves_nothing(
        self, gateway_type: GatewayType, context: GatewayContext, sink: MemorySink, far_side: FarSide, trunk: Trunk
    ) -> None:
        """Every attempt under way has an outcome; what left is uncertain."""
        self.need(far_side, "stall")
        far_side.stall()
        threads, files = set(threading.enumerate()), open_files()
        gateway = gateway_type.create(context)
        gateway.provision([trunk])
        gateway.start(sink)
        room = self.wait_for_room(gateway)
        attempts = [self.attempt_for(trunk, outcome="stall") for _ in range(min(room, 20))]
        gateway.submit(attempts)
        wait_until(lambda: any(self.got(far_side, attempt) for attempt in attempts), self.patience, "one is under way")
        gateway.stop(0.2)
        for attempt in attempts:
            event = self.outcome(sink, attempt)
            if isinstance(event, NotSubmitted) and self.got(far_side, attempt):
                assert isinstance(event.error, _MAY_HAVE_LEFT), f"it left, and would be sent again: {event!r}"
        self.check(sink, *attempts)
        far_side.accept()
        wait_until(lambda: not set(threading.enumerate()) - threads, self.patience, "no thread is left")
        wait_until(lambda: not open_files() - files, self.patience, "no file is left")

    def test_stopping_before_starting_is_safe(self, gateway_type: GatewayType, context: GatewayContext) -> None:
        """A gateway that never ran can be stopped."""
        gateway = gateway_type.create(context)
        gateway.stop(1.0)
        gateway.stop(1.0)
