from __future__ import annotations

from collections.abc import Callable

import pytest
from ictcore_gateway_simulator.gateway import SimulatorGateway

from ictcore.spec import Attempt, Delivered, Edge, Event, Failed, Plan, Step, StepDone
from ictcore.testing import MemorySink, wait_until
from ictcore.testing.story import check_story

MENU = Plan(
    (
        Step("call", "originate"),
        Step("ask", "menu"),
        Step("sales", "play"),
        Step("support", "record"),
        Step("bye", "disconnect"),
    ),
    (
        Edge("call", "success", "ask"),
        Edge("ask", "1", "sales"),
        Edge("ask", "*", "support"),
        Edge("sales", "success", "bye"),
        Edge("support", "success", "bye"),
    ),
)
FAX = Plan(
    (Step("call", "originate"), Step("send", "fax_send", {"pages": 3}), Step("bye", "disconnect")),
    (Edge("call", "success", "send"), Edge("send", "*", "bye")),
)
AMD = Plan(
    (Step("call", "originate"), Step("who", "amd"), Step("talk", "tts"), Step("leave", "play")),
    (Edge("call", "success", "who"), Edge("who", "human", "talk"), Edge("who", "machine", "leave")),
)
LOOP = Plan(
    (Step("call", "originate"), Step("again", "play")), (Edge("call", "*", "again"), Edge("again", "*", "again"))
)

WALKS = [
    pytest.param(
        MENU, "+15551239999", "voice", "call:success ask:1 sales:success bye:success", 2.0, id="default digit"
    ),
    pytest.param(MENU, "+15551230021", "voice", "call:success ask:1 sales:success bye:success", 2.0, id="digit 1"),
    pytest.param(MENU, "+15551230027", "voice", "call:success ask:7 support:success bye:success", 2.0, id="digit 7"),
    pytest.param(FAX, "+15551239999", "fax", "call:success send:success bye:success", 3.0, id="fax of three pages"),
    pytest.param(AMD, "+15551239999", "voice", "call:success who:human talk:success", 2.0, id="human"),
    pytest.param(AMD, "+15551230030", "voice", "call:success who:machine leave:success", 2.0, id="machine"),
]


def ended(events: list[Event]) -> bool:
    return any(isinstance(event, (Delivered, Failed)) for event in events)


@pytest.mark.parametrize(("plan", "destination", "service", "steps", "amount"), WALKS)
def test_a_call_walks_its_plan(
    plan: Plan,
    destination: str,
    service: str,
    steps: str,
    amount: float,
    make: Callable[..., SimulatorGateway],
    attempt: Callable[..., Attempt],
    sink: MemorySink,
) -> None:
    call = attempt(destination, service, plan)
    make().submit([call])
    wait_until(lambda: ended(sink.of(call.id)))
    events = sink.of(call.id)
    assert check_story(events) == "completed"  # type: ignore[arg-type]
    assert [type(event).__name__ for event in events[:3]] == ["Submitted", "Progress", "Answered"]
    done = [event for event in events if isinstance(event, StepDone)]
    assert " ".join(f"{event.step}:{event.outcome}" for event in done) == steps
    assert len({event.key for event in done}) == len(done)
    assert isinstance(events[-1], Delivered)
    assert events[-1].amount == amount


def test_a_busy_call_is_not_answered(
    make: Callable[..., SimulatorGateway], attempt: Callable[..., Attempt], sink: MemorySink
) -> None:
    call = attempt("+15551230001", "voice", MENU)
    make().submit([call])
    wait_until(lambda: ended(sink.of(call.id)))
    events = sink.of(call.id)
    assert [type(event).__name__ for event in events] == ["Submitted", "Progress", "StepDone", "Failed"]
    assert getattr(events[-1], "cause", "") == "busy"


def test_an_endless_plan_is_stopped(
    make: Callable[..., SimulatorGateway], attempt: Callable[..., Attempt], sink: MemorySink
) -> None:
    call = attempt("+15551239999", "voice", LOOP)
    make().submit([call])
    wait_until(lambda: ended(sink.of(call.id)))
    assert getattr(sink.of(call.id)[-1], "cause", "") == "program"
