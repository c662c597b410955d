from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ictcore_gateway_simulator.gateway import SimulatorGateway
from ictcore_gateway_simulator.outcomes import OUTCOMES, choose, table

from ictcore.spec import Attempt, Delivered, Event, GatewayError, GatewayMisconfigured, NotSubmitted, Trunk
from ictcore.testing import MemorySink, wait_until

Make = Callable[..., SimulatorGateway]
Build = Callable[..., Attempt]

STORIES = [
    ("delivered", "0000", "Submitted Delivered"),
    ("busy", "0001", "Submitted Failed:busy"),
    ("noanswer", "0002", "Submitted Failed:no_answer"),
    ("rejected", "0003", "Submitted Failed:rejected"),
    ("unallocated", "0004", "Submitted Failed:unallocated"),
    ("temporary", "0005", "Submitted Failed:temporary"),
    ("unreachable", "0006", "Submitted Failed:unreachable"),
    ("content", "0007", "Submitted Failed:content"),
    ("expired", "0008", "Submitted Failed:expired"),
    ("congestion", "0009", "Submitted Failed:congestion"),
    ("late", "0010", "Submitted Delivered"),
    ("duplicate", "0011", "Submitted Delivered Delivered"),
    ("disorder", "0012", "Delivered Progress Submitted"),
    ("silent", "0013", "Submitted"),
    ("throttled", "0014", "NotSubmitted:gateway_throttled"),
    ("unavailable", "0015", "NotSubmitted:gateway_unavailable"),
    ("flaky", "0016", "NotSubmitted:gateway_unavailable"),
    ("refused", "0017", "NotSubmitted:gateway_rejected"),
    ("uncertain", "0018", "NotSubmitted:gateway_uncertain"),
    ("lost", "0019", "NotSubmitted:gateway_uncertain Delivered"),
]


def told(events: list[Event]) -> str:
    """The story in words."""
    words = []
    for event in events:
        error: GatewayError | None = getattr(event, "error", None)
        word = error.code if error else getattr(event, "cause", "")
        words.append(type(event).__name__ + (f":{word}" if word else ""))
    return " ".join(words)


def test_every_outcome_has_a_case() -> None:
    assert [(name, ending) for name, ending, _ in STORIES] == [(each.name, each.ending) for each in OUTCOMES]


@pytest.mark.parametrize("service", ["sms", "email"])
@pytest.mark.parametrize(("name", "ending", "story"), STORIES, ids=[name for name, _, _ in STORIES])
def test_the_address_chooses_the_outcome(
    service: str, name: str, ending: str, story: str, make: Make, attempt: Build, sink: MemorySink
) -> None:
    gateway = make()
    one = attempt(f"+1555123{ending}" if service == "sms" else f"{name}+x@example.com")
    last = attempt("+15551230010")  # late: when it has ended, all that will come of the first has come
    gateway.submit([one, last])
    wait_until(lambda: told(sink.of(last.id)) == "Submitted Delivered")
    gateway.stop(10.0)
    assert told(sink.of(one.id)) == story
    assert gateway.health()[0].detail["under_way"] == 0


@pytest.mark.parametrize(
    ("destination", "name"),
    [
        ("+15551239999", "delivered"),
        ("0001", "busy"),
        ("+10001", "busy"),
        ("BUSY@example.com", "busy"),
        ("busy+0004@example.com", "busy"),
        ("busybee@example.com", "delivered"),
        ("ada@busy.example", "delivered"),
        ("", "delivered"),
    ],
)
def test_choosing(destination: str, name: str) -> None:
    assert choose(destination).name == name


def test_a_flaky_carrier_takes_it_the_second_time(make: Make, attempt: Build, sink: MemorySink) -> None:
    gateway = make()
    one = attempt("flaky@example.com")
    gateway.submit([one])
    gateway.submit([one])
    wait_until(lambda: len(sink.of(one.id)) == 3)
    assert told(sink.of(one.id)) == "NotSubmitted:gateway_unavailable Submitted Delivered"


def test_a_provider_may_have_one_outcome_for_all(make: Make, attempt: Build, sink: MemorySink) -> None:
    trunk = Trunk(1, "down", "simulator", frozenset({"sms"}), settings={"outcome": "unavailable"})
    gateway = make(trunk=trunk)
    one = attempt("+15551239999")
    gateway.submit([one])
    assert told(sink.of(one.id)) == "NotSubmitted:gateway_unavailable"


def test_an_unknown_outcome_is_a_misconfigured_provider(make: Make, attempt: Build, sink: MemorySink) -> None:
    gateway = make()
    wrong = Trunk(2, "wrong", "simulator", frozenset({"sms"}), settings={"outcome": "sunshine"})
    right = Trunk(1, "right", "simulator", frozenset({"sms"}))
    with pytest.raises(GatewayMisconfigured, match="wrong"):
        gateway.provision([wrong, right])
    one = attempt("+15551239999")
    gateway.submit([one])
    wait_until(lambda: told(sink.of(one.id)) == "Submitted Delivered")


def test_an_impossible_address_is_refused(make: Make, attempt: Build, sink: MemorySink) -> None:
    gateway = make()
    one = attempt("+1555\r\n1239999")
    gateway.submit([one])
    (event,) = sink.of(one.id)
    assert isinstance(event, NotSubmitted)
    assert getattr(event.error, "cause", "") == "invalid_address"


def test_chance_can_be_repeated(make: Make, attempt: Build) -> None:
    def run() -> list[str]:
        sink = MemorySink()
        gateway = make(into=sink, failure_rate=0.5, seed=7)
        attempts = [attempt("+15551239999") for _ in range(40)]
        gateway.submit(attempts)
        gateway.stop(10.0)
        return [told(sink.of(each.id)) for each in attempts]

    first = run()
    assert first == run()
    assert len(set(first)) == 2


def test_the_amount_of_a_text_is_its_parts(make: Make, attempt: Build, sink: MemorySink) -> None:
    from ictcore.spec import single

    gateway = make()
    one = attempt("+15551239999", "sms", single("sms_send", {"text": "ж" * 71}))
    gateway.submit([one])
    wait_until(lambda: len(sink.of(one.id)) == 2)
    end = sink.of(one.id)[-1]
    assert isinstance(end, Delivered)
    assert end.amount == 2.0


@pytest.mark.parametrize("page", ["plugins/gateway-simulator/README.md", "docs/reference/simulator.md"])
def test_the_table_is_in_the_documentation(page: str) -> None:
    assert table() in (Path(__file__).parents[3] / page).read_text()
