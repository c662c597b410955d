"""Tests over the whole system, as it is started by ``ictcore run``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.running import RunningSystem


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningSystem]]:
    """``start(settings, database=url)``: a running system; all of them are stopped at the end."""
    running: list[RunningSystem] = []

    def starter(settings: Mapping[str, Mapping[str, Any]] | None = None, **options: Any) -> RunningSystem:
        system = RunningSystem(tmp_path / f"home{len(running)}", settings, **options)
        running.append(system)
        return system.start()

    yield starter
    for system in running:
        system.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest) -> str | None:
    """A fresh database on each engine, as the ``database`` option of ``start``."""
    if request.param == "sqlite":
        return None
    import uuid

    url: str = request.getfixturevalue("postgres_server").create_database(f"t{uuid.uuid4().hex}")
    return url
