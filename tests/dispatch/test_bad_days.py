"""Bad days: the gateway down, the database away, the disk full, nonsense from the far side. Nothing that was accepted
is lost, health names the fault, and delivery goes on by itself afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ictcore.dispatch.dispatcher import Dispatcher
from ictcore.domain.errors import StoreUnavailable
from ictcore.spec import GatewayProtocolError, GatewayUnavailable, Health
from ictcore.store.database import Store
from ictcore.store.schema import migrate
from ictcore.testing.postgres import PostgresServer
from tests.dispatch.world import World, silence


def faults(dispatcher: Dispatcher) -> dict[str, str]:
    return {item.name: item.fault for item in dispatcher.health() if item.fault}


def drive(world: World, dispatcher: Dispatcher, seconds: float, step: float = 0.5) -> None:
    """Let a dispatcher work for some seconds of the world's clock."""
    for _ in range(int(seconds / step)):
        dispatcher.turn()
        world.clock.advance(step)


@pytest.mark.parametrize("how", ["refuses", "not connected"])
def test_a_gateway_down_for_a_minute(world: World, how: str) -> None:
    world.provider()
    gateway = world.gateway
    dispatcher = world.dispatcher()
    if how == "refuses":
        gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayUnavailable("connection refused"))]
        gateway.ill = [Health("link", "connection refused")]
    else:
        gateway.rooms = 0
        gateway.ill = [Health("link", "connection refused")]
    uuids = world.send(50)
    drive(world, dispatcher, 60)
    assert world.states().keys() <= {"queued", "submitting"}
    assert "connection refused" in faults(dispatcher).values()
    dispatcher.upkeep.at_once("explain")
    dispatcher.turn()
    assert "connection refused" in world.spool(uuids[0], "waiting_for")
    tried = len(gateway.sent)
    gateway.answer = lambda attempt: [gateway.delivered(attempt)]
    gateway.rooms = 1000
    gateway.ill = []
    drive(world, dispatcher, 75)  # the longest pause
    assert world.states() == {"completed": 50}
    assert tried <= 60  # it was not hammered meanwhile
    assert len(gateway.sent) == tried + 50 or how == "refuses"
    assert faults(dispatcher) == {}


def test_a_far_side_that_answers_nonsense(world: World) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.refused(attempt, GatewayProtocolError("cannot read '%$#'"))]
    world.values["dispatch.batch"] = 10
    world.send(200)
    dispatcher = world.dispatcher()
    drive(world, dispatcher, 60)
    lost = world.states()["uncertain"]
    assert lost < 30  # it is not fed with the whole queue
    assert faults(dispatcher) == {"provider acme": "cannot read '%$#'"}
    gateway.answer = lambda attempt: [gateway.delivered(attempt)]
    drive(world, dispatcher, 100)
    assert world.states() == {"completed": 200 - lost, "uncertain": lost}
    assert faults(dispatcher) == {}
    sent = [attempt.id for attempt in gateway.sent]
    assert len(sent) == len(set(sent))


class Broken(Store):
    """A store whose database is away when the test says so.

    :ivar away: every transaction fails at its begin; ``breaks``: the next commits fail, with (``True``) or without
        (``False``) having been done.
    """

    away = False
    breaks: list[bool]

    def _begin(self) -> None:
        if self.away:
            raise StoreUnavailable("the database cannot be used now: test")
        super()._begin()

    def _guard(self, work: Any) -> Any:
        if getattr(self, "breaks", None) and "COMMIT" in repr(work.__code__.co_consts):
            done = self.breaks.pop(0)
            if done:
                super()._guard(work)
            else:
                self._cursor().execute("ROLLBACK")
            raise StoreUnavailable("the connection was lost during COMMIT")
        return super()._guard(work)


@pytest.fixture
def broken(url: str, tmp_path: Path) -> Iterator[World]:
    store = Broken(url, durable=False)
    world = World(store, tmp_path)
    yield world
    store.away = False
    world.close()
    store.close()


def test_a_database_that_is_away(broken: World) -> None:
    store: Any = broken.store
    broken.provider()
    gateway = broken.gateway
    gateway.answer = silence
    uuids = broken.send(5)
    dispatcher = broken.dispatcher()
    dispatcher.turn()
    store.away = True
    receipts = [gateway.put(gateway.delivered(uuid)) for uuid in uuids]
    for _ in range(3):
        dispatcher.turn()
    assert faults(dispatcher) == {"database": "the database cannot be used now: test"}
    assert not any(receipt.wait(0) for receipt in receipts)
    assert len(dispatcher.sink) == 5
    store.away = False
    dispatcher.turn()
    assert all(receipt.wait(0) for receipt in receipts)
    assert broken.states() == {"completed": 5}
    assert faults(dispatcher) == {}


@pytest.mark.parametrize("done", [True, False], ids=["it was committed", "it was not committed"])
def test_a_connection_lost_in_the_commit_that_marks_submitting(broken: World, done: bool) -> None:
    store: Any = broken.store
    broken.provider()
    broken.send(5)
    dispatcher = broken.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    broken.gateway.sent.clear()
    uuids = broken.send(5)
    store.breaks = [done]
    dispatcher.turn()
    assert broken.gateway.sent == []  # nobody knows whether it was committed: nothing may leave
    for _ in range(3):
        dispatcher.turn()
    assert sorted(attempt.id for attempt in broken.gateway.sent) == sorted(uuids)
    assert broken.states() == {"completed": 10}


@pytest.mark.parametrize("done", [True, False], ids=["it was committed", "it was not committed"])
def test_a_connection_lost_in_the_commit_of_outcomes(broken: World, done: bool) -> None:
    store: Any = broken.store
    broken.provider()
    gateway = broken.gateway
    gateway.answer = silence
    [held] = broken.send(1)
    uuids = broken.send(4, try_allowed=2)
    dispatcher = broken.dispatcher()
    dispatcher.turn()
    store.breaks = [done]
    receipt = gateway.put(*(gateway.failed(uuid, "busy", data={"code": "17"}) for uuid in uuids))
    dispatcher.turn()
    assert not receipt.wait(0)
    for _ in range(3):
        dispatcher.turn()
    assert receipt.wait(0)
    assert broken.state(held) == "submitting"  # what was handed over stays so
    for uuid in uuids:
        assert [(state, tries) for _, state, tries, _ in broken.attempts_of(uuid)] == [("failed", 1), ("queued", 2)]
        assert broken.results(uuid) == [
            ("error", "busy", "busy"), ("info", "code", "17"), ("application", "sms_send", "error"),
        ]  # fmt: skip
    assert len(gateway.sent) == 5


def test_too_many_waiting_events_stop_the_claiming(broken: World) -> None:
    store: Any = broken.store
    broken.values["dispatch.backlog"] = 100
    broken.values["dispatch.batch"] = 50
    broken.provider()
    gateway = broken.gateway
    gateway.answer = silence
    broken.send(300)
    dispatcher = broken.dispatcher()
    for _ in range(4):
        dispatcher.turn()
    store.away = True
    for attempt in list(gateway.sent):
        gateway.put(gateway.delivered(attempt))
    dispatcher.turn()
    store.away = False
    sent = len(gateway.sent)
    dispatcher.turn()
    assert len(gateway.sent) == sent  # first the backlog, then more
    for _ in range(20):
        dispatcher.turn()
        for attempt in gateway.sent[sent:]:
            gateway.put(gateway.delivered(attempt))
        sent = len(gateway.sent)
    assert broken.states() == {"completed": 300}


def test_a_poisoned_event_does_not_hold_up_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from ictcore.inbox.ledger import Ledger

    world.provider()
    world.gateway.answer = silence
    uuids = world.send(3)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    take = Ledger.take

    def poisoned(self: Ledger, row: Any, event: Any) -> None:
        if row.uuid == uuids[1]:
            raise ZeroDivisionError
        take(self, row, event)

    monkeypatch.setattr(Ledger, "take", poisoned)
    receipt = world.gateway.put(*(world.gateway.delivered(uuid) for uuid in uuids))
    dispatcher.turn()
    assert receipt.wait(0)
    assert [world.state(uuid) for uuid in uuids] == ["completed", "submitting", "completed"]
    assert dispatcher.counters["broken"] == 1


@pytest.mark.postgresql
def test_a_postgresql_that_is_restarted_and_one_that_stays_away(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """With a server of this test's own: others use the shared one."""
    server = PostgresServer()
    server.start()
    try:
        store = Store(server.create_database("restarted"))
        migrate(store)
        world = World(store, tmp_path)
        world.provider()
        gateway = world.gateway
        gateway.answer = silence
        first = world.send(20)
        dispatcher = world.dispatcher()
        dispatcher.turn()
        server.restart()
        receipts = [gateway.put(gateway.delivered(uuid)) for uuid in first[:10]]
        for _ in range(3):
            dispatcher.turn()
        assert all(receipt.wait(0) for receipt in receipts)
        assert world.states() == {"completed": 10, "submitting": 10}

        server.pause()
        receipts = [gateway.put(gateway.delivered(uuid)) for uuid in first[10:]]
        for _ in range(2):
            dispatcher.turn()
        assert "cannot be used" in faults(dispatcher)["database"]
        assert not any(receipt.wait(0) for receipt in receipts)
        server.start()
        for _ in range(3):
            dispatcher.turn()
        assert all(receipt.wait(0) for receipt in receipts)
        assert world.states() == {"completed": 20}
        assert faults(dispatcher) == {}
        assert len(gateway.sent) == 20
        world.close()
        store.close()
    finally:
        server.stop()


def test_a_dispatcher_that_starts_while_the_database_is_away(broken: World, wait_until: Any) -> None:
    import threading

    broken.provider()
    [uuid] = broken.send()
    store: Any = broken.store
    real, waiting = store.rows, threading.Event()

    def rows(*args: Any) -> Any:
        if not waiting.is_set() and threading.current_thread() is thread:
            waiting.set()
            raise StoreUnavailable("not yet")
        return real(*args)

    store.rows = rows
    dispatcher = broken.dispatcher(start=False)
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    wait_until(lambda: broken.state(uuid) == "completed")
    assert waiting.is_set()
    dispatcher.stop()
    thread.join(20)
