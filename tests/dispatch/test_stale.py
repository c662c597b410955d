"""What a dispatcher remembers of an attempt may not be true any more: then the row counts."""

from __future__ import annotations

from typing import Any

import pytest

from ictcore.spec import Progress, cause
from tests.dispatch.world import World, silence


def changed_elsewhere(world: World, uuid: str, state: str, why: str = "") -> None:
    """As another process, or an operator, has written it."""
    world.store.run("UPDATE spool SET state = ?, cause = ?, worker_id = NULL WHERE uuid = ?", (state, why, uuid))


EVENTS: dict[str, Any] = {
    "taken": lambda world, uuid: world.gateway.submitted(uuid, vendor_id="v"),
    "delivered": lambda world, uuid: world.gateway.delivered(uuid),
    "failed": lambda world, uuid: world.gateway.failed(uuid, cause.REJECTED),
    "progress": lambda world, uuid: Progress(attempt_id=uuid, at=world.clock(), name="ringing"),
}

CASES = [
    ("uncertain", "uncertain", "taken", ("submitted", "")),
    ("uncertain", "uncertain", "delivered", ("completed", "normal")),
    ("uncertain", "uncertain", "failed", ("failed", "rejected")),
    ("uncertain", "uncertain", "progress", ("submitted", "")),
    ("failed", "uncertain", "delivered", ("completed", "normal")),
    ("failed", "busy", "delivered", ("failed", "busy")),
    ("failed", "busy", "taken", ("failed", "busy")),
    ("completed", "normal", "failed", ("completed", "normal")),
    ("completed", "normal", "progress", ("completed", "normal")),
    ("queued", "", "delivered", ("queued", "")),
    ("queued", "", "taken", ("queued", "")),
]


@pytest.mark.parametrize("other_too", [False, True], ids=["alone", "in a batch with others"])
@pytest.mark.parametrize(
    ("state", "why", "event", "wanted"), CASES, ids=[f"{state} {why}, {event}" for state, why, event, _ in CASES]
)
def test_the_row_counts(
    world: World, state: str, why: str, event: str, wanted: tuple[str, str], other_too: bool
) -> None:
    world.provider()
    world.gateway.answer = silence
    uuid, other = world.send(2)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    world.gateway.rooms = 0  # what is in the queue again stays there
    changed_elsewhere(world, uuid, state, why)
    events = [EVENTS[event](world, uuid)]
    if other_too:
        events.insert(0, world.gateway.delivered(other))
    receipt = world.gateway.put(*events)
    for _ in range(2):
        dispatcher.turn()
    assert receipt.wait(0)
    assert world.spool(uuid, "state", "cause") == wanted
    assert world.state(other) == ("completed" if other_too else "submitting")


def test_a_deleted_row_whose_number_is_used_again_is_not_mistaken(world: World) -> None:
    """SQLite gives the id of the last row that was deleted to the next one."""
    world.provider()
    world.gateway.answer = silence
    [gone] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    world.store.run("DELETE FROM transmission")
    [new] = world.send()
    dispatcher.turn()
    assert world.state(new) == "submitting"
    world.gateway.put(world.gateway.delivered(gone))
    for _ in range(2):
        dispatcher.turn()
    assert world.state(new) == "submitting"
