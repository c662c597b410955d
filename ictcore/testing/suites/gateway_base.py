"""What the parts of the gateway suite share: fixtures that a plugin overrides, and how to submit and to wait."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ictcore.spec import (
    EMAIL,
    SMS,
    Attempt,
    AttemptEvent,
    Edge,
    Gateway,
    GatewayContext,
    GatewayType,
    NotSubmitted,
    Plan,
    Setting,
    Step,
    Trunk,
    new_attempt_id,
    single,
)
from ictcore.testing.fakes import MemorySink, StaticSettings, gateway_context
from ictcore.testing.far_side import FarSide, Sent
from ictcore.testing.story import OUTCOMES, check_story, stories
from ictcore.testing.waiting import wait_until

_numbers = itertools.count(1)


def open_files() -> set[tuple[str, str]]:
    """Open file descriptors of this process and what they are; without those that only look."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
        except OSError:  # the descriptor of the listing itself
            continue
    return found


def network(files: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of ``files`` that are sockets to the network, and not between parts of this process."""
    found = set()
    for number, target in files:
        if target.startswith("socket:"):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(number))) as copy:
                if copy.family in (socket.AF_INET, socket.AF_INET6):
                    found.add((number, target))
    return found


class GatewayBase:
    """Override the first group of fixtures; the others have working defaults."""

    service: ClassVar[str] = SMS
    """The service that is tried; a gateway for two services has two subclasses of the suite."""
    refuses_inbound: ClassVar[bool] = True
    """Whether the protocol can tell the sender that nobody takes a message; if not, it is acknowledged and dropped."""
    patience: ClassVar[float] = 20.0
    """Seconds after which a wait fails. Give the gateway a time limit of its own (``setting_values``) far below it."""

    # What a plugin gives.

    @pytest.fixture
    def gateway_type(self) -> GatewayType:
        """What the plugin registers."""
        raise NotImplementedError("the fixture gateway_type is needed")

    @pytest.fixture
    def declared_settings(self) -> Sequence[Setting]:
        """What the plugin's ``ictcore_register_settings`` returns."""
        return ()

    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        """A far side that has been started; stopped when the test ends."""
        raise NotImplementedError("the fixture far_side is needed")

    @pytest.fixture
    def trunk(self, far_side: FarSide) -> Trunk:
        """A provider that leads to the far side, with a password if the type has one."""
        raise NotImplementedError("the fixture trunk is needed")

    @pytest.fixture
    def setting_values(self, far_side: FarSide) -> Mapping[str, Any]:
        """Settings that differ from their defaults; short time limits and back-off, and where the far side is."""
        return {}

    def attempt_for(
        self,
        trunk: Trunk,
        *,
        text: str = "Hello",
        subject: str = "Hello",
        html: str = "",
        source: str | None = None,
        destination: str | None = None,
        outcome: str = "delivered",
        data: Mapping[str, Any] | None = None,
    ) -> Attempt:
        """A new attempt, by default to a destination that no other attempt of the run has.

        :param outcome: what the test wants to happen: ``delivered``, ``failed``, ``rejected``, ``throttled``, ``stall``
            … A far side that decides by the address must be given a fitting one: override this method.
        :param data: further data of the plan's step.
        """
        number = next(_numbers)
        if self.service == EMAIL:
            ours, theirs = "shop@example.com", f"user{number}@example.org"
        else:
            ours, theirs = "+442071838750", f"+4479{number:08d}"
        return Attempt(
            id=new_attempt_id(),
            service=self.service,
            source=ours if source is None else source,
            destination=theirs if destination is None else destination,
            trunk=trunk.id,
            plan=self.plan_for(text, subject, html, data or {}),
        )

    def plan_for(self, text: str, subject: str, html: str, data: Mapping[str, Any]) -> Plan:
        """The plan of an attempt of this service."""
        if self.service == SMS:
            return single("sms_send", {"text": text, **data})
        if self.service == EMAIL:
            return single("email_send", {"subject": subject, "text": text, "html": html, "attachments": [], **data})
        steps = (Step("originate", "originate"), Step("tts", "tts", {"text": text}), Step("disconnect", "disconnect"))
        return Plan(steps, (Edge("originate", "success", "tts"), Edge("tts", "*", "disconnect")))

    def comparable(self, text: str) -> str:
        """A text as it may be changed on the way: line ends, and those at its end."""
        return "\n".join(text.splitlines()).rstrip("\n")

    # What the suite works with.

    @pytest.fixture
    def settings(self, declared_settings: Sequence[Setting], setting_values: Mapping[str, Any]) -> StaticSettings:
        """The settings in force."""
        return StaticSettings(declared_settings, setting_values)

    @pytest.fixture
    def context(self, tmp_path: Path, settings: StaticSettings) -> GatewayContext:
        """What the core would give the gateway."""
        return gateway_context(tmp_path, settings)

    @pytest.fixture
    def sink(self) -> MemorySink:
        """Where the events arrive."""
        return MemorySink()

    @pytest.fixture
    def make_gateway(
        self, gateway_type: GatewayType, context: GatewayContext, trunk: Trunk
    ) -> Iterator[Callable[[MemorySink], Gateway]]:
        """``make_gateway(sink)``: a gateway that has the trunk and was started; stopped when the test ends."""
        made: list[Gateway] = []

        def make(sink: MemorySink) -> Gateway:
            gateway = gateway_type.create(context)
            made.append(gateway)
            gateway.provision([trunk])
            gateway.start(sink)
            return gateway

        yield make
        for gateway in made:
            gateway.stop(self.patience)

    @pytest.fixture
    def gateway(self, make_gateway: Callable[[MemorySink], Gateway], sink: MemorySink) -> Gateway:
        """A gateway that has room."""
        gateway = make_gateway(sink)
        self.wait_for_room(gateway)
        return gateway

    def need(self, far_side: FarSide, control: str) -> None:
        """Skip the test when the far side cannot do this."""
        if control not in far_side.controls:
            pytest.skip(f"this far side declares no control {control!r}")

    def need_verb(self, gateway_type: GatewayType, verb: str) -> None:
        """Skip the test when the gateway cannot do this for the service."""
        if not self.has_verb(gateway_type, verb):
            pytest.skip(f"this gateway declares no capability {self.service!r} {verb!r}")

    def has_verb(self, gateway_type: GatewayType, verb: str) -> bool:
        """Whether the gateway declares that it can do this for the service."""
        return any(each.service == self.service and each.verb == verb for each in gateway_type.capabilities)

    def wait_for_room(self, gateway: Gateway) -> int:
        """Block until the gateway takes attempts."""
        return wait_until(gateway.room, self.patience, "the gateway has room")

    def outcome(self, sink: MemorySink, attempt: Attempt, count: int = 1) -> AttemptEvent:
        """Block until ``attempt`` has its outcome; the ``count``-th when it was submitted that often."""

        def found() -> list[AttemptEvent]:
            events = stories(sink.of(attempt.id), [attempt.id])[attempt.id]
            return [event for event in events if isinstance(event, OUTCOMES)]

        wait_until(lambda: len(found()) >= count, self.patience, f"outcome {count} of {attempt!r}")
        return found()[count - 1]

    def deliver(self, gateway: Gateway, sink: MemorySink, attempt: Attempt) -> AttemptEvent:
        """Submit as the dispatcher does: the same id again whenever nothing of it left. Returns the last outcome."""
        for count in itertools.count(1):
            self.wait_for_room(gateway)
            gateway.submit([attempt])
            event = self.outcome(sink, attempt, count)
            if not (isinstance(event, NotSubmitted) and event.error.retryable):
                return event
            assert count < 200, f"200 times nothing left: {event!r}"
        raise AssertionError("not reached")

    def got(self, far_side: FarSide, attempt: Attempt) -> list[Sent]:
        """What of ``attempt`` the far side really got."""
        return [message for message in far_side.sent() if message.destination == attempt.destination]

    def check(self, sink: MemorySink, *attempts: Attempt) -> None:
        """Check that every event is one of ``attempts`` and that each of them has a story that can be true."""
        for events in stories(list(sink.events), [attempt.id for attempt in attempts]).values():
            assert events, "an attempt has no outcome"
            check_story(events)
