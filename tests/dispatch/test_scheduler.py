"""What is done by time, by one process at a time."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ictcore.dispatch.scheduler import Scheduler
from ictcore.domain.errors import NotFound, WrongState
from ictcore.inbox.settle import settle
from ictcore.spec import GatewayUncertain
from ictcore.store import leader
from tests.dispatch.world import World, silence


def scheduler(world: World) -> Scheduler:
    return Scheduler(world.store, world.inbox, world.settings(), clock=world.clock)


def test_one_leads_and_another_takes_over_when_it_is_gone(world: World) -> None:
    store, now = world.store, world.clock.epoch
    assert leader.lead(store, "d", "a", now, now + 10)
    assert not leader.lead(store, "d", "b", now + 9, now + 19)
    assert leader.lead(store, "d", "a", now + 9, now + 19)
    assert not leader.lead(store, "d", "b", now + 18, now + 28)
    assert leader.lead(store, "d", "b", now + 20, now + 30)
    assert not leader.lead(store, "d", "a", now + 21, now + 31)
    leader.resign(store, "d", "a")
    assert not leader.lead(store, "d", "a", now + 22, now + 32)
    leader.resign(store, "d", "b")
    assert leader.lead(store, "d", "a", now + 22, now + 32)
    assert leader.lead(store, "other", "b", now, now + 1)


def test_old_rows_are_removed_and_young_ones_stay(world: World) -> None:
    store, now, day = world.store, world.clock.epoch, 86_400.0
    for key, age in (("old", 31 * day), ("young", 29 * day)):
        store.run("INSERT INTO inbox (key, kind, body, received_at) VALUES (?, '', '', ?)", (key, now - age))
    for key, age in (("old", 25 * 3600), ("young", 23 * 3600)):
        store.run(
            "INSERT INTO idempotency (user_id, operation, key, fingerprint, created_at) VALUES (1, 'o', ?, '', ?)",
            (key, now - age),
        )
    for table, key, age in (("revoked_token", "jti", "expires_at"), ("login_throttle", "key", "window_ends_at")):
        for name, at in (("old", now - 1), ("young", now + 1)):
            store.run(f"INSERT INTO {table} ({key}, {age}) VALUES (?, ?)", (name, at))
    assert scheduler(world).purge() == 4
    for table, key in (("inbox", "key"), ("idempotency", "key"), ("revoked_token", "jti"), ("login_throttle", "key")):
        assert store.rows(f"SELECT {key} FROM {table}") == [("young",)]


def test_overdue_attempts_are_timed_out_without_a_dispatcher(world: World) -> None:
    uuids = world.send(3)
    world.store.run("UPDATE spool SET state = 'submitted', deadline_at = ?", (world.clock.epoch - 1,))
    made = scheduler(world)
    assert made.time_outs() == 3
    assert world.states() == {"uncertain": 3}
    world.clock.advance(86_401)
    assert made.time_outs() == 3
    assert world.states() == {"failed": 3}
    assert world.transmission(uuids[0], "status") == "failed"


def test_a_dead_dispatcher_is_taken_over_when_its_node_does_not_come_back(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    world.send(2)
    dead = world.dispatcher()
    dead.turn()
    made = scheduler(world)
    world.clock.advance(30)
    made._recovery.run()
    assert world.states() == {"submitting": 2}  # its own node may still ask the gateway
    world.clock.advance(200)
    made._recovery.run()
    assert world.states() == {"uncertain": 2}


def test_it_runs_and_ends(world: World, wait_until: Any) -> None:
    made = scheduler(world)
    world.store.run("INSERT INTO inbox (key, kind, body, received_at) VALUES ('old', '', '', 0)")
    thread = threading.Thread(target=made.run)
    thread.start()
    wait_until(lambda: world.store.value("SELECT count(*) FROM inbox") == 0)
    made.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert world.store.rows("SELECT * FROM leader") == []  # resigned


@pytest.mark.parametrize("given_up", [False, True])
@pytest.mark.parametrize("outcome", ["completed", "failed"])
def test_an_operator_settles_an_uncertain_attempt(world: World, outcome: Any, given_up: bool) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayUncertain())]
    [uuid] = world.send(try_allowed=3)
    dispatcher = world.dispatcher()
    id = world.spool(uuid, "id")
    with pytest.raises(WrongState):
        settle(world.store, world.inbox, id, outcome, world.clock.epoch)
    dispatcher.turn()
    dispatcher.turn()
    if given_up:
        world.clock.advance(86_401)
        scheduler(world).time_outs()
    settle(world.store, world.inbox, id, outcome, world.clock.epoch)
    assert world.state(uuid) == outcome
    assert world.transmission(uuid, "status") == outcome
    assert len(world.attempts_of(uuid)) == 1
    with pytest.raises(NotFound):
        settle(world.store, world.inbox, 999_999, outcome, world.clock.epoch)
