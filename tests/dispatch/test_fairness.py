"""Lanes share what there is, and single sends never wait behind a campaign."""

from __future__ import annotations

from collections import Counter

import pytest

from ictcore.store import queue
from tests.dispatch.world import World


def sent_by_lane(world: World) -> dict[int, int]:
    lanes = dict(world.store.rows("SELECT uuid, lane FROM spool"))
    return dict(Counter(lanes[sent.id] for sent in world.gateway.sent))


def test_single_sends_do_not_wait_behind_a_campaign(world: World) -> None:
    world.provider()
    world.values["dispatch.batch"] = 20
    world.send(200, lane=7)
    [single] = world.send(1)
    world.dispatcher().turn()
    assert single in {sent.id for sent in world.gateway.sent}


@pytest.mark.parametrize(
    ("work", "wanted"),
    [
        pytest.param({0: 100, 1: 100, 2: 100}, {0: 10, 1: 10, 2: 10}, id="equal shares"),
        pytest.param({0: 2, 1: 100, 2: 100}, {0: 2, 1: 14, 2: 14}, id="what one leaves, the others take"),
        pytest.param({1: 100}, {1: 30}, id="one alone takes all"),
        pytest.param({1: 3, 2: 3}, {1: 3, 2: 3}, id="less than there is room for"),
    ],
)
def test_lanes_share_a_batch(world: World, work: dict[int, int], wanted: dict[int, int]) -> None:
    world.provider()
    world.values["dispatch.batch"] = 30
    for lane, count in work.items():
        world.send(count, lane=lane)
    world.dispatcher().turn()
    assert sent_by_lane(world) == wanted


def test_with_more_lanes_than_room_each_has_its_turn(world: World) -> None:
    world.provider()
    world.values["dispatch.batch"] = 3
    for lane in range(1, 11):
        world.send(30, lane=lane)
    dispatcher = world.dispatcher()
    for _ in range(40):
        dispatcher.turn()
    counts = sent_by_lane(world)
    assert set(counts) == set(range(1, 11))
    assert max(counts.values()) - min(counts.values()) <= 4


def test_the_oldest_of_a_lane_goes_first(world: World) -> None:
    world.provider()
    world.values["dispatch.batch"] = 2
    late = world.send(2, not_before=world.clock.epoch - 1)
    early = world.send(2, not_before=world.clock.epoch - 9)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    assert [sent.id for sent in world.gateway.sent] == early + late


def test_lanes_are_found_by_the_index(world: World) -> None:
    for lane in (5, 0, 900):
        world.send(3, lane=lane)
    world.send(2, lane=6, service="email")
    world.store.run("UPDATE spool SET state = 'completed' WHERE lane = 900")
    assert queue.lanes(world.store, 4) == [0, 5]
    assert queue.lanes(world.store, 8) == [6]
    assert queue.lanes(world.store, 1) == []
    assert queue.next_due(world.store, 4, [0, 5]) == world.clock.epoch
    assert queue.next_due(world.store, 4, [77]) is None
