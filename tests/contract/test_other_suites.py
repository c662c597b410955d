"""The suites for services and programs catch what breaks their contract; stories that cannot be true are told apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from ictcore.spec import (
    MESSAGES,
    AttemptEvent,
    Compilation,
    Delivered,
    Edge,
    Failed,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    InvalidInput,
    NotSubmitted,
    Plan,
    ProgramType,
    Progress,
    RetryPolicy,
    RouteRequest,
    ServiceType,
    Step,
    StepDone,
    Submitted,
    cause,
    render,
    single,
)
from ictcore.testing import MemorySink
from ictcore.testing.far_side import CONTROLS, FarSide
from ictcore.testing.servers import listens
from ictcore.testing.story import check_story, stories
from ictcore.testing.suites.program import ProgramSuite
from ictcore.testing.suites.service import ServiceSuite

Check = Callable[[Any, Any], None]


class Good(ServiceType):
    name = "sms"
    flag = 4
    address_field = "phone"
    retry = MESSAGES
    report_timeout = 60.0
    resend_uncertain = False

    def normalize(self, address: str, country: str) -> str:
        digits = address.replace(" ", "")
        if not (digits.isascii() and digits.isdigit()):
            raise InvalidInput("only digits")
        return digits


class TwoBits(Good):
    flag = 6


class OtherFlag(Good):
    flag = 8


class NoField(Good):
    address_field = "pigeon"


class RetriesForEver(Good):
    retry = RetryPolicy({cause.UNALLOCATED: 1.0})


class UnknownCause(Good):
    retry = RetryPolicy({"moon": 1.0})


class Unstable(Good):
    def normalize(self, address: str, country: str) -> str:
        return super().normalize(address, country) + "0"


class Repeats(Good):
    def normalize(self, address: str, country: str) -> str:
        try:
            return super().normalize(address, country)
        except InvalidInput:
            raise InvalidInput(f"only digits, not {address}") from None


class TakesAnything(Good):
    def normalize(self, address: str, country: str) -> str:
        return address or "0"


class Explodes(Good):
    def normalize(self, address: str, country: str) -> str:
        return str(int(super().normalize(address, country)[:4000] if address.isascii() else int(address)))


class Numbers(ServiceSuite):
    addresses = ("12 34", "0044")


SERVICES = [
    pytest.param(TwoBits, "test_it_says_what_it_is", id="two bits"),
    pytest.param(OtherFlag, "test_it_says_what_it_is", id="the flag of another service"),
    pytest.param(NoField, "test_it_says_what_it_is", id="no such field"),
    pytest.param(RetriesForEver, "test_retries_are_by_known_causes", id="retries what is final"),
    pytest.param(UnknownCause, "test_retries_are_by_known_causes", id="unknown cause"),
    pytest.param(Unstable, "test_addresses_have_one_form", id="no one form"),
    pytest.param(Repeats, "test_any_text_is_refused_or_harmless", id="repeats what it refuses"),
    pytest.param(TakesAnything, "test_any_text_is_refused_or_harmless", id="takes anything"),
    pytest.param(Explodes, "test_any_text_is_refused_or_harmless", id="another exception"),
]


@pytest.mark.parametrize(("service", "caught_by"), SERVICES)
def test_a_broken_service_is_caught(service: type[Good], caught_by: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        getattr(Numbers(), caught_by)(service())


@pytest.mark.parametrize("name", [name for name in dir(ServiceSuite) if name.startswith("test_")])
def test_a_good_service_passes(name: str) -> None:
    more = ("GB",) if name.startswith("test_hostile") else ()
    getattr(Numbers(), name)(Good(), *more)


def test_hostile_text_is_tried_on_services() -> None:
    with pytest.raises(AssertionError):
        Numbers().test_hostile_text_is_refused_without_repeating_it(TakesAnything(), "")


class Parameters(msgspec.Struct):
    text_id: int
    note: str = ""


class Program(ProgramType):
    name = "sendnote"
    service = "sms"
    direction = "outbound"
    parameters = Parameters
    references = MappingProxyType({"text_id": "text"})

    def compile(self, compilation: Compilation) -> Plan:
        text = render(
            compilation.references["text_id"]["data"], compilation.tokens, escape=lambda v: v.replace("\0", "")
        )
        return single("sms_send", {"text": text})

    def routes(self, parameters: Any, references: Mapping[str, Mapping[str, Any]]) -> Sequence[RouteRequest]:
        return ()


class NoDirection(Program):
    direction = "sideways"


class UnknownReference(Program):
    references = MappingProxyType({"text_id": "text", "song_id": "song"})


class Impure(Program):
    count = 0

    def compile(self, compilation: Compilation) -> Plan:
        self.count += 1
        return single("sms_send", {"text": f"{self.count}"})


class Unsound(Program):
    def compile(self, compilation: Compilation) -> Plan:
        return Plan((Step("a", "sms_send"),), (Edge("a", "success", "b"),))


class NotPlain(Program):
    def compile(self, compilation: Compilation) -> Plan:
        return single("sms_send", {"at": datetime(2026, 1, 1, tzinfo=UTC)})


class LetsNulIn(Program):
    def compile(self, compilation: Compilation) -> Plan:
        return single("sms_send", {"text": render(compilation.references["text_id"]["data"], compilation.tokens)})


class GrowsByName(Program):
    def compile(self, compilation: Compilation) -> Plan:
        name = compilation.tokens["contact"]["first_name"]
        steps = tuple(Step(f"s{number}", "log", {}) for number in range(1 + name.count("\n")))
        return Plan(steps, tuple(Edge(a.name, "success", b.name) for a, b in itertools.pairwise(steps)))


class RoutesOut(Program):
    def routes(self, parameters: Any, references: Mapping[str, Mapping[str, Any]]) -> Sequence[RouteRequest]:
        return (RouteRequest("sms", "1"),)


class OtherRoutes(RoutesOut):
    direction = "inbound"

    def routes(self, parameters: Any, references: Mapping[str, Mapping[str, Any]]) -> Sequence[RouteRequest]:
        return (RouteRequest("email", "1"),)


class Notes(ProgramSuite):
    good = ({"text_id": 1},)
    bad = MappingProxyType({"text_id": ({"text_id": "x"},)})
    rows = MappingProxyType({"text_id": {"data": "Hi [contact:first_name]"}})


class Lenient(Notes):
    bad = MappingProxyType({"note": ({"text_id": 1, "note": "fine"},)})


class WrongName(Notes):
    bad = MappingProxyType({"note": ({"text_id": "x"},)})


PROGRAMS = [
    pytest.param(NoDirection, Notes, "test_it_says_what_it_is", id="no direction"),
    pytest.param(UnknownReference, Notes, "test_it_says_what_it_is", id="reference without parameter"),
    pytest.param(Impure, Notes, "test_good_parameters_compile_to_a_sound_plan_of_plain_data", id="not pure"),
    pytest.param(Unsound, Notes, "test_good_parameters_compile_to_a_sound_plan_of_plain_data", id="unsound plan"),
    pytest.param(NotPlain, Notes, "test_good_parameters_compile_to_a_sound_plan_of_plain_data", id="not plain"),
    pytest.param(LetsNulIn, Notes, "test_a_contact_may_be_called_anything", id="NUL by a token"),
    pytest.param(GrowsByName, Notes, "test_a_contact_may_be_called_anything", id="steps by a name"),
    pytest.param(RoutesOut, Notes, "test_routes_fit_the_direction", id="outbound with routes"),
    pytest.param(OtherRoutes, Notes, "test_routes_fit_the_direction", id="routes of another service"),
    pytest.param(Program, Lenient, "test_bad_parameters_name_their_field", id="bad value is taken"),
    pytest.param(Program, WrongName, "test_bad_parameters_name_their_field", id="another field is named"),
]


@pytest.mark.parametrize(("program", "suite", "caught_by"), PROGRAMS)
def test_a_broken_program_is_caught(program: type[Program], suite: type[ProgramSuite], caught_by: str) -> None:
    with pytest.raises((AssertionError, InvalidInput, pytest.fail.Exception)):
        getattr(suite(), caught_by)(program())


@pytest.mark.parametrize("name", [name for name in dir(ProgramSuite) if name.startswith("test_")])
def test_a_good_program_passes(name: str) -> None:
    getattr(Notes(), name)(Program())


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def submitted() -> AttemptEvent:
    return Submitted(attempt_id="a", at=NOW)


def delivered(key: str = "") -> AttemptEvent:
    return Delivered(attempt_id="a", at=NOW, key=key)


def failed() -> AttemptEvent:
    return Failed(attempt_id="a", at=NOW, cause="busy")


def ringing() -> AttemptEvent:
    return Progress(attempt_id="a", at=NOW, name="ringing")


def step() -> AttemptEvent:
    return StepDone(attempt_id="a", at=NOW, step="x", outcome="success")


def refused(error: type[Any]) -> AttemptEvent:
    return NotSubmitted(attempt_id="a", at=NOW, error=error())


TRUE = [
    ([submitted()], "submitted"),
    ([submitted(), ringing(), step(), delivered()], "completed"),
    ([delivered()], "completed"),
    ([failed()], "failed"),
    ([submitted(), delivered(), delivered()], "completed"),
    ([refused(GatewayRejected)], "failed"),
    ([refused(GatewayUncertain)], "uncertain"),
    ([refused(GatewayUncertain), delivered()], "completed"),
    ([refused(GatewayUnavailable)], "queued"),
    ([refused(GatewayUnavailable), refused(GatewayThrottled), submitted(), failed()], "failed"),
]
FALSE = [
    [ringing()],
    [step(), submitted()],
    [submitted(), submitted()],
    [submitted(), refused(GatewayUnavailable)],
    [refused(GatewayUncertain), submitted()],
    [submitted(), delivered(), failed()],
    [submitted(), delivered("1"), delivered("2")],
    [delivered(), submitted()],
    [refused(GatewayRejected), delivered()],
    [refused(GatewayUnavailable), ringing()],
]


@pytest.mark.parametrize(("events", "state"), TRUE, ids=lambda value: value if isinstance(value, str) else "")
def test_a_story_that_can_be_true(events: list[AttemptEvent], state: str) -> None:
    assert check_story(events) == state


@pytest.mark.parametrize("events", FALSE, ids=lambda events: "-".join(type(each).__name__ for each in events))
def test_a_story_that_cannot_be_true(events: list[AttemptEvent]) -> None:
    with pytest.raises(AssertionError):
        check_story(events)


def test_events_of_strangers_are_not_overlooked() -> None:
    assert stories([submitted()], ["a", "b"]) == {"a": [submitted()], "b": []}
    with pytest.raises(AssertionError, match="nobody submitted"):
        stories([submitted()], ["b"])


def test_a_far_side_says_what_it_cannot() -> None:
    far_side = FarSide()
    assert not far_side.controls
    assert "drop" in CONTROLS
    for name in ("reject", "throttle", "drop_before_reply", "stall", "nonsense", "slam", "connects", "unknown_event"):
        with pytest.raises(NotImplementedError):
            getattr(far_side, name)()


def test_the_fixtures_are_there(memory_sink: MemorySink, free_port: int, wait_until: Callable[..., Any]) -> None:
    memory_sink.put([submitted()])
    assert wait_until(lambda: memory_sink.of("a")) == [submitted()]
    assert not listens(free_port)
