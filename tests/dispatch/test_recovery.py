"""Dispatchers that die, that are stopped for long, and that end as they should."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from ictcore.dispatch import lease
from ictcore.spec import Delivered, Reconciliation
from tests.dispatch.world import FakeGateway, FakeType, World, silence


def die(world: World, dispatcher: Any, *, name: str = "elsewhere/1/2/3", expired: bool = True) -> int:
    """Leave a dispatcher's rows as if its process had been killed."""
    world.dispatchers.remove(dispatcher)
    dispatcher._wakeup.stop()
    worker: int = dispatcher._desk.lease.worker
    until = world.clock.epoch - 60 if expired else world.clock.epoch + 15
    world.store.run("UPDATE worker SET lease_until = ?, name = ? WHERE id = ?", (until, name, worker))
    return worker


def gone_process() -> str:
    """The name of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        return lease.process_name(process.pid)


def test_a_process_knows_whether_another_one_lives() -> None:
    assert not lease.is_gone(lease.process_name())
    assert not lease.is_gone(lease.process_name(os.getppid()))
    assert lease.is_gone(gone_process())
    mine = lease.process_name().split("/")
    assert lease.is_gone("/".join([*mine[:3], "1"]))  # the number was given to another process since
    assert not lease.is_gone("/".join(["elsewhere", *mine[1:3], "1"]))
    assert not lease.is_gone("/".join([mine[0], "1", mine[2], "1"]))
    assert not lease.is_gone("")
    assert not lease.is_gone("a/b")


def test_claimed_goes_back_to_the_queue(world: World) -> None:
    world.provider()
    dead = world.dispatcher()
    [uuid] = world.send()
    worker = die(world, dead)
    world.store.run("UPDATE spool SET state = 'claimed', worker_id = ? WHERE uuid = ?", (worker, uuid))
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert world.state(uuid) == "completed"
    assert len(world.gateway.sent) == 1
    assert world.store.rows("SELECT id FROM worker") == [(dispatcher._desk.lease.worker,)]  # type: ignore[union-attr]


def test_submitting_that_the_gateway_does_not_know_is_uncertain(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    uuids = world.send(3)
    dead = world.dispatcher()
    dead.turn()
    die(world, dead)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    assert world.states() == {"uncertain": 3}
    assert sorted(world.gateway.asked[0]) == sorted(uuids)
    assert len(world.gateway.sent) == 3


@pytest.mark.parametrize("known_dead", [True, False], ids=["process gone", "only silent"])
def test_what_the_gateway_knows_is_believed(world: World, known_dead: bool) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = silence
    never, living, ended, unknown = world.send(4)
    dead = world.dispatcher()
    dead.turn()
    gateway.reconciliation = lambda ids: Reconciliation(
        events=[Delivered(attempt_id=ended, at=world.clock())],
        never_sent=frozenset({never}),
        pending=frozenset({living}),
    )
    die(world, dead, name=gone_process() if known_dead else "elsewhere/1/2/3")
    dispatcher = world.dispatcher()
    dispatcher.turn()
    # A process that is only silent may still have it in its hands: "never sent" is true only until it wakes up.
    assert world.state(never) == ("submitting" if known_dead else "uncertain")
    assert world.state(living) == "submitted"
    assert world.state(ended) == "completed"
    assert world.state(unknown) == "uncertain"
    assert [sent.id for sent in gateway.sent].count(never) == (2 if known_dead else 1)


@pytest.mark.parametrize("survive", [True, False])
def test_submitted_stays_where_reports_survive(world: World, survive: bool) -> None:
    world.types["fake"] = FakeType(reports_survive=survive)
    world.provider()
    gateway = world.gateway
    gateway.answer = lambda attempt: [gateway.submitted(attempt)]
    [uuid] = world.send()
    dead = world.dispatcher()
    dead.turn()
    dead.turn()
    die(world, dead)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    assert world.state(uuid) == ("submitted" if survive else "uncertain")
    assert gateway.asked == ([] if survive else [[uuid]])
    gateway.put(gateway.delivered(uuid))
    dispatcher.turn()
    assert world.state(uuid) == "completed"


def test_a_dispatcher_whose_lease_holds_is_left_alone(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    world.send(2)
    other = world.dispatcher()
    other.turn()
    dispatcher = world.dispatcher()
    for _ in range(3):
        dispatcher.upkeep.at_once("recovery")
        dispatcher.turn()
    assert world.states() == {"submitting": 2}
    world.clock.advance(14)
    other.upkeep.at_once("publish")
    other.turn()
    world.clock.advance(14)
    dispatcher.upkeep.at_once("recovery")
    dispatcher.turn()
    assert world.states() == {"submitting": 2}


def test_a_process_that_is_gone_is_not_waited_for(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    world.send(2)
    dead = world.dispatcher()
    dead.turn()
    die(world, dead, name=gone_process(), expired=False)
    world.dispatcher().turn()
    assert world.states() == {"uncertain": 2}


def test_attempts_of_a_worker_without_a_row_are_found(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    world.send(2)
    dead = world.dispatcher()
    dead.turn()
    worker = die(world, dead)
    world.store.run("DELETE FROM worker WHERE id = ?", (worker,))
    world.dispatcher().turn()
    assert world.states() == {"uncertain": 2}


def test_dispatchers_of_other_nodes_are_left_to_their_own(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    world.send(2)
    dead = world.dispatcher(node="n2")
    dead.turn()
    die(world, dead)
    world.dispatcher(node="n1").turn()
    assert world.states() == {"submitting": 2}


def test_a_dispatcher_that_lost_its_lease_begins_anew_and_sends_nothing_twice(world: World) -> None:
    world.provider()
    gateway = world.gateway
    gateway.answer = silence
    handed = world.send(3)
    stopped = world.dispatcher()
    stopped.turn()
    old = stopped._desk.lease.worker  # type: ignore[union-attr]
    world.clock.advance(60)  # the process was stopped; the other one looks
    second = FakeGateway(world.clock)
    other = world.dispatcher(gateways={"fake": second})
    other.turn()
    assert world.states() == {"uncertain": 3}
    more = world.send(2)
    stopped.turn()
    assert stopped.counters["leases_lost"] == 1
    assert stopped._desk.lease.worker != old  # type: ignore[union-attr]
    gateway.put(*(gateway.delivered(uuid) for uuid in handed))  # what it had handed over did go out
    stopped.turn()
    other.turn()
    stopped.turn()
    other.turn()
    assert [world.state(uuid) for uuid in handed] == ["completed"] * 3
    sent = [attempt.id for attempt in gateway.sent + second.sent]
    assert sorted(sent) == sorted(handed + more)


def test_a_dispatcher_stopped_between_commit_and_handover_does_not_hand_over(world: World) -> None:
    """Stopped after ``submitting`` was committed, for longer than the lease; meanwhile others have taken over."""
    world.provider()
    uuids = world.send(3)
    second = FakeGateway(world.clock)
    second.answer = silence

    def stopped_for_long(name: str) -> None:
        if name == "submitting" and not second.trunks:
            first._desk.lease._safe_until = 0.0  # type: ignore[union-attr]
            world.clock.advance(60)
            world.dispatcher(gateways={"fake": second}).turn()

    first = world.dispatcher(checkpoint=stopped_for_long)
    first.turn()
    assert world.gateway.sent == []
    assert [world.state(uuid) for uuid in uuids] == ["uncertain"] * 3  # another one has asked after them: nobody knew
    first.turn()
    first.turn()
    assert world.gateway.sent == []


def test_a_refusal_from_a_dispatcher_that_lost_its_lease_does_not_requeue_what_another_one_sends(world: World) -> None:
    from ictcore.spec import GatewayUnavailable

    world.provider()
    gateway = world.gateway
    gateway.answer = silence
    [uuid] = world.send()
    first = world.dispatcher()
    first.turn()
    second = FakeGateway(world.clock)
    second.answer = silence
    other = world.dispatcher(gateways={"fake": second})
    worker = other._desk.lease.worker  # type: ignore[union-attr]
    world.store.run("UPDATE spool SET worker_id = ? WHERE uuid = ?", (worker, uuid))  # it was recovered and sent again
    gateway.put(gateway.refused(uuid, GatewayUnavailable("away")))
    first._desk.memory.clear()  # type: ignore[union-attr]
    first.turn()
    assert world.spool(uuid, "state", "worker_id") == ("submitting", worker)


def test_finish_hands_back_what_was_not_handed_over_and_keeps_the_last_events(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    uuids = world.send(2)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    claimed = world.send(1)
    worker = dispatcher._desk.lease.worker  # type: ignore[union-attr]
    world.store.run("UPDATE spool SET state = 'claimed', worker_id = ? WHERE uuid = ?", (worker, claimed[0]))

    def stop(timeout: float) -> None:
        world.gateway.put(*(world.gateway.delivered(uuid) for uuid in uuids))

    world.gateway.stop = stop  # type: ignore[method-assign]
    before = threading.active_count()
    dispatcher.finish()
    dispatcher.finish()
    assert threading.active_count() <= before
    assert [world.state(uuid) for uuid in uuids + claimed] == ["completed", "completed", "queued"]
    assert world.store.rows("SELECT * FROM worker") == []


def test_finish_leaves_what_a_gateway_did_not_finish_to_recovery(world: World) -> None:
    world.provider()
    world.gateway.answer = silence
    world.send(1)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.finish()
    assert world.states() == {"submitting": 1}
    assert world.store.value("SELECT count(*) FROM worker") == 1
    world.clock.advance(60)
    world.dispatcher().turn()
    assert world.states() == {"uncertain": 1}


def test_a_gateway_that_never_answers_makes_uncertain(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.provider()
    world.values["dispatch.submit_timeout"] = 100.0
    world.gateway.answer = silence
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    later = lease.ticks() + 101
    monkeypatch.setattr("ictcore.dispatch.upkeep.ticks", lambda: later)
    dispatcher.turn()
    assert world.state(uuid) == "uncertain"
    assert any("did not say" in item.fault for item in dispatcher.health())
    world.gateway.put(world.gateway.delivered(uuid))
    dispatcher.turn()
    assert world.state(uuid) == "completed"


def test_run_ends_by_stop_and_leaves_no_thread(world: World, wait_until: Any) -> None:
    world.provider()
    [uuid] = world.send()
    threads = threading.active_count()
    dispatcher = world.dispatcher(start=False)
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    wait_until(lambda: world.state(uuid) == "completed")
    dispatcher.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert threading.active_count() == threads
    assert world.gateway.stopped


def test_new_work_wakes_a_waiting_dispatcher(world: World, wait_until: Any) -> None:
    """By NOTIFY on PostgreSQL, by the data version on SQLite: long before the queue is polled."""
    from ictcore.store import queue

    world.provider()
    world.values["dispatch.poll"] = 3600.0
    [first] = world.send()
    dispatcher = world.dispatcher(start=False)
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    wait_until(lambda: world.state(first) == "completed")
    with world.store.transaction():
        [second] = world.send()
        queue.wake(world.store)
    wait_until(lambda: world.state(second) == "completed")
    dispatcher.stop()
    thread.join(20)


def test_health_and_counters_are_published(world: World) -> None:
    import msgspec

    from ictcore.spec import Health
    from ictcore.store import workers

    world.provider()
    world.gateway.ill = [Health("link", "it is down", {"tries": 3})]
    world.send()
    dispatcher = world.dispatcher()
    for _ in range(2):
        dispatcher.turn()
    dispatcher.upkeep.at_once("publish")
    dispatcher.turn()
    [(_, node, name, _, _, health, counters)] = workers.running(world.store, world.clock.epoch)
    assert node == "n1"
    assert name == lease.process_name()
    assert {"name": "link", "fault": "it is down", "detail": {"tries": 3}} in msgspec.json.decode(health)
    assert msgspec.json.decode(counters)["completed"] == 1
