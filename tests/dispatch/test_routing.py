"""Which provider carries what, and what happens when one cannot."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ictcore.spec import GatewayMisconfigured, GatewayThrottled, GatewayUnavailable, Health, cause
from tests.dispatch.world import FakeGateway, FakeType, World, silence


def trunks(world: World) -> dict[str, int]:
    """Provider name -> how many attempts it was given."""
    names = dict(world.store.rows("SELECT id, name FROM provider"))
    return dict(Counter(names[sent.trunk] for sent in world.gateway.sent))


def test_only_active_providers_of_the_service_and_node_are_used(world: World) -> None:
    node = world.store.value("INSERT INTO node (name, created_at) VALUES ('elsewhere', 0) RETURNING id")
    world.provider("right")
    world.provider("off", active=0)
    world.provider("mail", service_flag=8)
    world.provider("far", node_id=node)
    world.provider("unknown", type="other")
    world.send(50)
    world.dispatcher().turn()
    assert trunks(world) == {"right": 50}
    assert {trunk.name for trunk in world.gateway.trunks.values()} == {"right", "mail"}


def test_a_trunk_has_the_providers_fields_and_its_settings_with_their_defaults(world: World) -> None:
    id = world.provider(
        host="10.0.0.1", username="u", password="s3cret", dialstring="d", register=1, settings='{"color": "blue"}',
        per_second=2.5, concurrent=3,
    )  # fmt: skip
    world.dispatcher()
    trunk = world.gateway.trunks[id]
    assert (trunk.name, trunk.type, trunk.host, trunk.port, trunk.username, trunk.password) == (
        "acme", "fake", "10.0.0.1", 99, "u", "s3cret",
    )  # fmt: skip
    assert (trunk.dialstring, trunk.register, trunk.per_second, trunk.concurrent) == ("d", True, 2.5, 3)
    assert trunk.settings == {"color": "blue", "depth": 1}
    assert trunk.services == {"sms"}
    assert "s3cret" not in repr(trunk)


def test_lighter_providers_are_used_more(world: World) -> None:
    world.provider("light", weight=10)
    world.provider("heavy", weight=30)
    world.send(2000)
    world.values["dispatch.batch"] = 2000
    world.dispatcher().turn()
    used = trunks(world)
    assert used["light"] + used["heavy"] == 2000
    assert 1300 < used["light"] < 1700  # three quarters


PREFIXES = [
    pytest.param("+447001", "mobile", "07001", id="the longest leading part"),
    pytest.param("+441001", "uk", "01001", id="a shorter one"),
    pytest.param("+33123", "any", "+33123", id="none of them: the one without a rule"),
]


@pytest.mark.parametrize(("number", "provider", "dialled"), PREFIXES)
def test_the_provider_that_knows_most_of_the_number_carries_it(
    world: World, number: str, provider: str, dialled: str
) -> None:
    world.provider("uk", prefix="+44|0", weight=1)
    world.provider("mobile", prefix="+447|07", weight=100)
    world.provider("any", weight=1)
    [uuid] = world.send(to=number)
    world.dispatcher().turn()
    assert trunks(world) == {provider: 1}
    assert world.gateway.sent[0].destination == dialled
    assert world.spool(uuid, "destination") == number


def test_a_rule_that_only_rewrites_does_not_keep_other_numbers_out(world: World) -> None:
    world.provider("only", prefix="00|+,0|44")
    world.send(to="+33123")
    world.dispatcher().turn()
    assert world.gateway.sent[0].destination == "+33123"


def test_failover_to_the_next_provider(world: World) -> None:
    first = world.provider("first", weight=1, prefix="+44|+44")
    world.provider("second", weight=100)
    gateway = world.gateway

    def answer(attempt: Any) -> Any:
        if attempt.trunk == first:
            return [gateway.refused(attempt, GatewayUnavailable("no answer"))]
        return [gateway.delivered(attempt)]

    gateway.answer = answer
    world.send(20)
    dispatcher = world.dispatcher()
    for _ in range(3):
        dispatcher.turn()
    assert world.states() == {"completed": 20}
    assert trunks(world) == {"first": 20, "second": 20}
    assert ("provider first", "no answer") in [(item.name, item.fault) for item in dispatcher.health()]


def test_a_provider_that_is_down_is_tried_with_one_attempt_at_growing_intervals(world: World) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayUnavailable("away"))]
    world.send(100)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    assert len(gateway.sent) == 100
    dispatcher.turn()
    pauses, last = [], world.clock.epoch
    for _ in range(20_000):
        sent = len(gateway.sent)
        dispatcher.turn()
        if len(gateway.sent) > sent:
            assert len(gateway.sent) == sent + 1
            pauses.append(world.clock.epoch - last)
            last = world.clock.epoch
            if len(pauses) == 9:
                break
        world.clock.advance(0.25 if len(pauses) < 4 else 2.0)
    assert world.states() == {"queued": 99, "submitting": 1}
    assert pauses[0] <= 2.5
    assert pauses[3] > 4
    assert all(40 <= pause <= 80 for pause in pauses[6:])
    gateway.answer = lambda attempt: [gateway.delivered(attempt)]
    for _ in range(100):
        dispatcher.turn()
        world.clock.advance(1)
    assert world.states() == {"completed": 100}


def test_throttling_is_obeyed_and_is_no_failure(world: World) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayThrottled("wait", retry_after=30))]
    world.send(1)
    dispatcher = world.dispatcher()
    for _ in range(3):
        dispatcher.turn()
        gateway.answer = lambda attempt: [gateway.delivered(attempt)]
    world.clock.advance(29)
    dispatcher.turn()
    assert len(gateway.sent) == 1
    world.clock.advance(2)
    dispatcher.turn()
    dispatcher.turn()
    assert world.states() == {"completed": 1}


@pytest.mark.parametrize(
    ("arrange", "reason"),
    [
        pytest.param(lambda world: None, "no provider for sms", id="none"),
        pytest.param(
            lambda world: world.provider(settings='{"depth": "x"}'), "provider acme is misconfigured", id="bad"
        ),
        pytest.param(
            lambda world: world.provider(host=""), "provider acme is misconfigured: host is missing", id="host"
        ),
    ],
)
def test_without_a_usable_provider_it_waits_and_says_why(world: World, arrange: Any, reason: str) -> None:
    arrange(world)
    uuids = world.send(3)
    dispatcher = world.dispatcher()
    for _ in range(3):
        dispatcher.upkeep.at_once("explain")
        dispatcher.turn()
    assert world.states() == {"queued": 3}
    assert all(world.spool(uuid, "waiting_for").startswith(reason) for uuid in uuids)
    world.store.run("DELETE FROM provider")
    world.provider("good")
    dispatcher.upkeep.at_once("providers")
    dispatcher.turn()
    dispatcher.turn()
    assert world.states() == {"completed": 3}
    assert world.spool(uuids[0], "waiting_for") == ""


def test_a_gateway_that_is_not_connected_gives_way_and_says_why(world: World) -> None:
    world.provider("main", weight=1, prefix="+44|+44")
    other = FakeGateway(world.clock)
    world.types["other"] = FakeType("other")
    world.gateways["other"] = other
    world.gateway.rooms = 0
    world.gateway.ill = [Health("link", "connection refused")]
    [first] = world.send()
    dispatcher = world.dispatcher()
    for _ in range(2):
        dispatcher.upkeep.at_once("explain")
        dispatcher.turn()
    assert world.spool(first, "state", "waiting_for") == ("queued", "provider main is down: connection refused")
    world.provider("spare", type="other")
    dispatcher.upkeep.at_once("providers")
    dispatcher.turn()
    assert [sent.id for sent in other.sent] == [first]


def test_a_full_gateway_is_not_asked_and_an_attempt_for_another_overtakes(world: World) -> None:
    world.provider("uk", prefix="+44|+44")
    world.provider("rest", type="other")
    other = FakeGateway(world.clock)
    world.types["other"] = FakeType("other")
    world.gateways["other"] = other
    world.gateway.rooms = 2
    world.gateway.answer = silence
    world.send(5, to="+44{}")
    world.send(5, to="+33{}")
    dispatcher = world.dispatcher()
    dispatcher.turn()
    world.gateway.rooms = 0
    assert len(world.gateway.sent) == 2
    assert len(other.sent) == 5
    waiting = world.store.rows("SELECT DISTINCT waiting_for FROM spool WHERE state = 'queued'")
    assert waiting == [("provider uk is busy",)]
    world.gateway.rooms = 10
    world.clock.advance(1)
    dispatcher.turn()
    assert len(world.gateway.sent) == 5


def test_what_waited_for_a_provider_goes_when_the_provider_is_changed(world: World) -> None:
    id = world.provider("uk", prefix="+44|+44")
    world.provider("us", prefix="+1|+1")
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayMisconfigured("wrong password"))]
    uuids = world.send(2)
    dispatcher = world.dispatcher()
    for _ in range(30):
        dispatcher.turn()
        world.clock.advance(1.5)
    for _ in range(2):  # the last refusal, if there is one, is heard before the change
        dispatcher.turn()
    assert world.states() == {"queued": 2}
    gateway.answer = lambda attempt: [gateway.delivered(attempt)]
    world.put_provider(id, password="right")
    dispatcher.upkeep.at_once("providers")
    for _ in range(3):
        dispatcher.turn()
    assert [world.state(uuid) for uuid in uuids] == ["completed", "completed"]


def test_a_gateway_that_cannot_be_provisioned_is_told_and_the_rest_goes_on(world: World) -> None:
    world.provider()
    world.gateway.provision_error = GatewayMisconfigured("line 3: no such group")
    world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert [(item.name, item.fault) for item in dispatcher.health() if item.fault] == [
        ("gateway fake", "line 3: no such group")
    ]
    assert world.states() == {"completed": 1}


def test_providers_are_provisioned_again_only_when_they_change(world: World) -> None:
    id = world.provider()
    dispatcher = world.dispatcher()
    for _ in range(3):
        dispatcher.upkeep.at_once("providers")
        dispatcher.turn()
    assert world.gateway.provisioned == 1
    world.put_provider(id, host="elsewhere")
    dispatcher.upkeep.at_once("providers")
    dispatcher.turn()
    assert world.gateway.provisioned == 2
    assert world.gateway.trunks[id].host == "elsewhere"
    world.put_provider(id, active=0)
    dispatcher.upkeep.at_once("providers")
    dispatcher.turn()
    assert world.gateway.trunks == {}


def test_a_failure_of_the_far_side_after_it_was_taken_does_not_count_against_the_provider(world: World) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.failed(attempt, cause.REJECTED)]
    world.send(5)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    world.send(5)
    dispatcher.turn()
    assert len(gateway.sent) == 10
    assert all(item.ok for item in dispatcher.health())
