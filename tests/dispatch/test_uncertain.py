"""Attempts of which nobody knows what became: never sent again by themselves, settled by a report or by time."""

from __future__ import annotations

import pytest

from ictcore.spec import GatewayError, GatewayProtocolError, GatewayUncertain
from tests.dispatch.world import World


@pytest.mark.parametrize("error", [GatewayUncertain("silence"), GatewayProtocolError("nonsense")], ids=lambda e: e.code)
def test_what_may_have_left_is_uncertain_and_never_sent_again(world: World, error: GatewayError) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, error)]
    [uuid] = world.send(try_allowed=5)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert world.spool(uuid, "state", "cause") == ("uncertain", "uncertain")
    assert world.transmission(uuid, "status") == "processing"
    for _ in range(30):
        world.clock.advance(3600)
        dispatcher.upkeep.at_once("time-outs")
        dispatcher.turn()
    assert world.spool(uuid, "state", "cause") == ("failed", "uncertain")
    assert world.transmission(uuid, "status") == "failed"
    assert [sent.id for sent in gateway.sent] == [uuid]
    assert len(world.attempts_of(uuid)) == 1


@pytest.mark.parametrize("given_up", [False, True], ids=["while uncertain", "after it was given up"])
@pytest.mark.parametrize("end", ["completed", "failed"])
def test_a_late_report_settles_what_was_uncertain(world: World, given_up: bool, end: str) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayUncertain())]
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    if given_up:
        world.clock.advance(86_401)
        dispatcher.upkeep.at_once("time-outs")
        dispatcher.turn()
        assert world.transmission(uuid, "status") == "failed"
    gateway.put(gateway.delivered(uuid) if end == "completed" else gateway.failed(uuid))
    dispatcher.turn()
    assert world.spool(uuid, "state", "cause") == (end, "normal" if end == "completed" else "rejected")
    assert world.transmission(uuid, "status") == end


def test_a_late_report_leaves_a_transmission_alone_that_was_sent_again(world: World) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayUncertain())]
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    world.clock.advance(86_401)
    dispatcher.upkeep.at_once("time-outs")
    dispatcher.turn()
    world.store.run(  # a person has sent it again
        "INSERT INTO spool (uuid, transmission_id, service_flag, tries, state, time_spool)"
        " SELECT 'second', transmission_id, 4, 2, 'submitted', 0 FROM spool WHERE uuid = ?",
        (uuid,),
    )
    world.store.run("UPDATE transmission SET status = 'processing'")
    gateway.put(gateway.delivered(uuid))
    dispatcher.turn()
    assert world.state(uuid) == "completed"
    assert world.transmission(uuid, "status") == "processing"


def test_a_missing_report_makes_uncertain_then_failed(world: World) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.submitted(attempt)]
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    seen = []
    for seconds in (0, 0, 3599, 2, 86_399, 2):
        world.clock.advance(seconds)
        dispatcher.upkeep.at_once("time-outs")
        dispatcher.turn()
        seen.append(world.state(uuid))
    assert seen == ["submitting", "submitted", "submitted", "uncertain", "uncertain", "failed"]
    assert len(gateway.sent) == 1


def test_an_opted_in_service_sends_an_uncertain_attempt_again_with_the_same_id(world: World) -> None:
    world.services["email"].resend_uncertain = True
    world.provider(service_flag=8)
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayUncertain())]
    [uuid] = world.send(service="email")
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert world.spool(uuid, "state", "tries") == ("queued", 2)
    gateway.answer = lambda attempt: [gateway.delivered(attempt)]
    world.clock.advance(120)
    dispatcher.turn()
    dispatcher.turn()
    assert world.state(uuid) == "completed"
    assert [(sent.id, sent.tries) for sent in gateway.sent] == [(uuid, 1), (uuid, 2)]


def test_it_is_not_sent_again_for_ever(world: World) -> None:
    world.services["email"].resend_uncertain = True
    world.provider(service_flag=8)
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayUncertain())]
    [uuid] = world.send(service="email")
    dispatcher = world.dispatcher()
    for _ in range(100):
        world.clock.advance(2000)
        dispatcher.turn()
    assert world.state(uuid) == "uncertain"
    assert 2 <= len(gateway.sent) <= 12
