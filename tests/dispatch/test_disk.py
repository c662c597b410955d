"""A SQLite database whose disk is full, or that somebody has locked."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ictcore.dispatch.dispatcher import Dispatcher
from ictcore.store.database import Store
from tests.dispatch.world import World, silence


def faults(dispatcher: Dispatcher) -> dict[str, str]:
    return {item.name: item.fault for item in dispatcher.health() if item.fault}


def test_a_sqlite_disk_that_is_full(tmp_path: Path, sqlite_template: Path) -> None:
    """The size of the database is bounded, as by the disk; then the bound is lifted."""
    path = tmp_path / "full.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store(f"sqlite:///{path}", durable=False)
    world = World(store, tmp_path)
    world.provider()
    gateway = world.gateway
    gateway.answer = silence
    uuids = world.send(50)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    pages = store.value("PRAGMA page_count")
    store.db.pragma("max_page_count", pages, permanent=True)  # on new connections too
    big = "x" * 5000
    receipts = [gateway.put(gateway.failed(uuid, "content", detail=big)) for uuid in uuids]
    for _ in range(3):
        dispatcher.turn()
    assert "full" in faults(dispatcher)["database"]
    assert not all(receipt.wait(0) for receipt in receipts)
    store.db.pragma("max_page_count", 1_000_000, permanent=True)
    dispatcher.turn()
    dispatcher.turn()
    assert all(receipt.wait(0) for receipt in receipts)
    assert world.states() == {"failed": 50}
    assert {world.spool(uuid, "response") for uuid in uuids} == {big}
    assert faults(dispatcher) == {}
    world.close()
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 4 MiB; only the administrator of the machine can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if made.returncode != 0:
        pytest.skip("a small file system cannot be mounted here; the bounded database stands for it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path, sqlite_template: Path, tmp_path: Path) -> None:
    path = small_disk / "full.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store(f"sqlite:///{path}")
    world = World(store, tmp_path)
    world.provider()
    gateway = world.gateway
    gateway.answer = silence
    uuids = world.send(40)
    dispatcher = world.dispatcher()
    dispatcher.turn()
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as stream, pytest.raises(OSError):
        while stream.write(b"x" * 4096):
            pass
    receipts = [gateway.put(gateway.failed(uuid, "content", detail="x" * 5000)) for uuid in uuids]
    for _ in range(3):
        dispatcher.turn()
    assert faults(dispatcher)["database"]
    assert not all(receipt.wait(0) for receipt in receipts)
    filler.unlink()
    for _ in range(3):
        dispatcher.turn()
    assert all(receipt.wait(0) for receipt in receipts)
    assert world.states() == {"failed": 40}
    assert faults(dispatcher) == {}
    world.close()
    store.close()


def test_a_sqlite_file_that_another_process_has_locked(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "locked.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store(f"sqlite:///{path}", durable=False, timeout=0.01)
    world = World(store, tmp_path)
    world.provider()
    uuids = world.send(3)
    dispatcher = world.dispatcher()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        dispatcher.turn()
    assert "locked" in faults(dispatcher)["database"]
    other.execute("COMMIT")
    other.close()
    for _ in range(3):
        dispatcher.turn()
    assert [world.state(uuid) for uuid in uuids] == ["completed"] * 3
    world.close()
    store.close()
