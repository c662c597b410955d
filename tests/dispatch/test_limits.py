"""Limits of providers hold over all dispatchers."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ictcore.store.database import Store
from tests.dispatch.world import FakeGateway, World, silence


def two(world: World) -> tuple[Any, Any, FakeGateway]:
    """Two dispatchers of one node, each with a gateway of its own."""
    second = FakeGateway(world.clock)
    second.answer = world.gateway.answer
    return world.dispatcher(), world.dispatcher(gateways={"fake": second}), second


def test_a_rate_is_kept_by_two_dispatchers_together_and_used_up(world: World) -> None:
    world.provider(per_second=20.0)
    world.send(400)
    first, other, second = two(world)
    for _ in range(100):  # ten seconds
        first.turn()
        other.turn()
        world.clock.advance(0.1)
    sent = len(world.gateway.sent) + len(second.sent)
    assert 197 <= sent <= 200 + 6  # ten seconds' worth, and one bucket


def test_a_slow_rate_sends_one_at_a_time(world: World) -> None:
    world.provider(per_second=0.5)
    world.send(10)
    dispatcher = world.dispatcher()
    for _ in range(101):
        dispatcher.turn()
        world.clock.advance(0.1)
    assert len(world.gateway.sent) == 6  # at 0, 2, 4, 6, 8 and 10 seconds


@pytest.mark.parametrize("service", ["voice", "sms"])
def test_concurrent_attempts_are_limited_over_two_dispatchers(world: World, service: str) -> None:
    world.provider(concurrent=3, service_flag=1 if service == "voice" else 4)
    world.gateway.answer = silence
    world.send(10, service=service)
    first, other, second = two(world)
    for _ in range(3):
        first.turn()
        other.turn()
    under_way = world.gateway.sent + second.sent
    assert len(under_way) == 3
    gateway = world.gateway if world.gateway.sent else second
    gateway.put(gateway.submitted(gateway.sent[0]))
    for _ in range(3):
        first.turn()
        other.turn()
    # A call holds its channel until it ends; a message only until it is taken.
    assert len(world.gateway.sent + second.sent) == (3 if service == "voice" else 4)
    gateway.put(gateway.delivered(gateway.sent[0]))
    for _ in range(3):
        first.turn()
        other.turn()
    assert len(world.gateway.sent + second.sent) == 4


def test_a_limit_can_be_switched_on_and_off_while_attempts_are_under_way(world: World) -> None:
    id = world.provider(service_flag=1)
    world.gateway.answer = silence
    world.send(5, service="voice")
    dispatcher = world.dispatcher()
    dispatcher.turn()
    assert len(world.gateway.sent) == 5
    world.put_provider(id, concurrent=6)
    world.send(5, service="voice")
    for _ in range(3):
        dispatcher.upkeep.at_once("providers")
        dispatcher.turn()
    assert len(world.gateway.sent) == 6
    world.put_provider(id, concurrent=0)
    for _ in range(2):
        dispatcher.upkeep.at_once("providers")
        dispatcher.turn()
    assert len(world.gateway.sent) == 10


def test_a_limited_provider_does_not_hold_up_another(world: World) -> None:
    world.provider("slow", prefix="+44|+44", per_second=1.0)
    world.provider("fast", prefix="+1|+1")
    world.values["dispatch.batch"] = 50
    world.send(200, to="+44{}")
    world.send(20, to="+1{}")
    dispatcher = world.dispatcher()
    for _ in range(20):
        dispatcher.turn()
        world.clock.advance(0.1)
    names = dict(world.store.rows("SELECT id, name FROM provider"))
    used = [names[sent.trunk] for sent in world.gateway.sent]
    assert used.count("fast") == 20
    assert 2 <= used.count("slow") <= 4
    reasons = {reason for (reason,) in world.store.rows("SELECT waiting_for FROM spool WHERE state = 'queued'")}
    assert "provider slow has reached its limit of 1 per second" in reasons
    for _ in range(60):
        dispatcher.turn()
        world.clock.advance(1.0)
    assert [names[sent.trunk] for sent in world.gateway.sent].count("slow") >= 55


def test_a_limit_does_not_make_the_dispatcher_busy(world: World) -> None:
    """While only a limit is in the way, the next look is when the bucket has its next token."""
    world.provider(per_second=0.1)
    world.send(5)
    dispatcher = world.dispatcher()
    for _ in range(3):
        dispatcher.turn()
    assert len(world.gateway.sent) == 1
    desk = dispatcher._desk
    assert desk is not None
    assert world.clock.epoch + 9 < desk.look_at <= world.clock.epoch + 10


@pytest.mark.postgresql
def test_two_dispatchers_at_the_same_time_never_claim_the_same(
    postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url")
    store = Store(url)
    store.run("TRUNCATE spool, transmission, provider, worker, node, inbox RESTART IDENTITY CASCADE")
    world = World(store, tmp_path, batch=50)
    world.provider(service_flag=1, concurrent=40)
    world.send(600, service="voice")
    most, now_under_way, lock = [0], [0], threading.Lock()
    sent: list[str] = []

    class Calls(FakeGateway):
        def submit(self, attempts: Any) -> None:
            with lock:
                now_under_way[0] += len(attempts)
                most[0] = max(most[0], now_under_way[0])
                sent.extend(attempt.id for attempt in attempts)
            for attempt in attempts:
                with lock:
                    now_under_way[0] -= 1
                self.put(self.delivered(attempt))

    def work() -> None:
        dispatcher = world.dispatcher(start=False, gateways={"fake": Calls(world.clock)})
        dispatcher.start()
        end = time.monotonic() + 30
        while world.store.row("SELECT 1 FROM spool WHERE state <> 'completed' LIMIT 1") and time.monotonic() < end:
            dispatcher.turn()
        dispatcher.finish()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert world.states() == {"completed": 600}
    assert len(sent) == len(set(sent)) == 600
    assert most[0] <= 40
    store.close()
