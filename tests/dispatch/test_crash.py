"""``kill -9`` at every point in the life of an attempt: nothing goes out twice, nothing is lost, and what cannot be
known is ``uncertain``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dispatch.world import World

ROOT = Path(__file__).parents[2]
COUNT = 60


class Nursery:
    """A process that forks dispatchers; see ``crash_child.py``."""

    def __init__(self) -> None:
        argv = [sys.executable, "-m", "tests.dispatch.crash_child"]
        self._process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, url: str, log: Path, **options: Any) -> int:
        """Start a dispatcher; its process id. One at a time."""
        given = {"url": url, "log": str(log), "kill": "", "nth": 1, "knows": False, "reports": False, **options}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        return self._read()

    def wait(self) -> int:
        """Its exit status, negative for a signal."""
        return self._read()

    def run(self, url: str, log: Path, **options: Any) -> int:
        """Start a dispatcher and wait for its end."""
        self.start(url, log, **options)
        return self.wait()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where dispatchers come from."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def loaded(world: World) -> World:
    """A world with messages to send, by the real clock."""
    world.clock.now = world.clock.now.fromtimestamp(time.time() - 60, world.clock.now.tzinfo)
    world.provider()
    world.send(COUNT, try_allowed=2)
    return world


def sent(log: Path) -> Counter[str]:
    """Correlation id -> how often it went out."""
    return Counter(line.split()[0] for line in log.read_text().splitlines()) if log.exists() else Counter()


def check(world: World, log: Path, *, uncertain: bool) -> dict[str, int]:
    """What must hold after any crash, once another dispatcher has done its work."""
    went = sent(log)
    twice = [id for id, count in went.items() if count > 1]
    assert not twice, f"sent twice: {twice}"
    rows = world.store.rows("SELECT uuid, state, cause, tries, destination FROM spool")
    states = Counter(state for _, state, *_ in rows)
    assert set(states) <= {"completed", "failed", "uncertain"}, states
    known = {uuid for uuid, *_ in rows}
    assert set(went) <= known
    for uuid, state, why, tries, destination in rows:
        if state == "completed":
            assert uuid in went, "completed and never sent"
        elif state == "failed":
            assert (why, tries, destination[-1]) == ("busy", 1, "3")
            assert uuid in went
        else:
            assert uncertain, "the gateway could have told"
    # Every message has its end, or is known to be uncertain; a failure that may be repeated was repeated.
    last = world.store.rows(
        "SELECT t.id, t.status, s.state, s.tries FROM transmission t JOIN spool s ON s.transmission_id = t.id"
        " WHERE s.tries = (SELECT max(tries) FROM spool WHERE transmission_id = t.id)"
    )
    assert len(last) == COUNT
    for _, status, state, _ in last:
        assert (status, state) in {("completed", "completed"), ("processing", "uncertain")}
    assert world.store.value("SELECT count(*) FROM spool WHERE worker_id IS NOT NULL") == 0
    assert world.store.value("SELECT count(*) FROM worker") == 0
    return dict(states)


POINTS = [
    ("claimed", 1, False),
    ("claimed", 2, False),
    ("submitting", 1, True),
    ("submitting", 3, True),
    ("before the first byte", 1, True),
    ("between two", 2, True),
    ("sent", 1, True),
    ("sent", 2, True),
    ("handed over", 1, True),
    ("handed over", 2, True),
    ("outcome written", 1, True),
    ("outcome written", 3, True),
    ("outcome applied", 1, True),
    ("outcome applied", 4, True),
]
"""Checkpoint, at which of its times, and whether a batch may have left then."""


GATEWAYS = [
    pytest.param({"knows": False, "reports": False}, id="gateway forgets"),
    pytest.param({"knows": False, "reports": True}, id="gateway forgets, reports later"),
    pytest.param({"knows": True, "reports": True}, id="gateway knows, reports later"),
]


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(("point", "nth", "left"), POINTS, ids=[f"{name} {nth}" for name, nth, _ in POINTS])
def test_killed_at(
    loaded: World,
    url: str,
    tmp_path: Path,
    nursery: Nursery,
    point: str,
    nth: int,
    left: bool,
    gateway: dict[str, bool],
) -> None:
    log = tmp_path / "sent.log"
    assert nursery.run(url, log, kill=point, nth=nth, **gateway) == -signal.SIGKILL
    held = loaded.store.value("SELECT count(*) FROM spool WHERE state IN ('submitting', 'submitted')")
    assert nursery.run(url, log, **gateway) == 0
    states = check(loaded, log, uncertain=not gateway["knows"])
    assert states.get("uncertain", 0) == (0 if gateway["knows"] else held)
    if not left and nth == 1:
        assert held == 0  # nothing was committed yet: nothing may have left


@pytest.mark.parametrize("point", ["recovering", "recovered"])
def test_killed_while_it_takes_over(loaded: World, url: str, tmp_path: Path, nursery: Nursery, point: str) -> None:
    log = tmp_path / "sent.log"
    assert nursery.run(url, log, kill="sent", nth=2) == -signal.SIGKILL
    held = loaded.store.value("SELECT count(*) FROM spool WHERE state = 'submitting'")
    assert held > 0
    assert nursery.run(url, log, kill=point) == -signal.SIGKILL
    assert nursery.run(url, log) == 0
    assert check(loaded, log, uncertain=True)["uncertain"] == held


def test_stopped_for_longer_than_the_lease(
    loaded: World, url: str, tmp_path: Path, nursery: Nursery, wait_until: Callable[..., Any]
) -> None:
    """SIGSTOP with a batch just committed; another one takes over; SIGCONT: it notices and sends nothing twice."""
    log = tmp_path / "sent.log"
    first = Nursery()
    try:
        pid = first.start(url, log, stop="submitting", nth=2)
        wait_until(lambda: _stopped(pid))
        before = sent(log)
        assert 0 < len(before) < COUNT
        held = loaded.store.value("SELECT count(*) FROM spool WHERE state = 'submitting'")
        wait_until(lambda: loaded.store.value("SELECT max(lease_until) FROM worker") < time.time())
        # What more time does, without the waiting:
        loaded.store.run("UPDATE worker SET lease_until = 0, name = 'elsewhere/1/2/3'")
        assert nursery.run(url, log) == 0
        os.kill(pid, signal.SIGCONT)
        assert first.wait() == 0
    finally:
        first.close()
    assert held > 0
    assert check(loaded, log, uncertain=True)["uncertain"] == held  # what it held, and did not send


def _stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
