"""A store on each engine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ictcore.store.database import Store
from ictcore.store.schema import migrate


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with no tables."""
    if request.param == "sqlite":
        store = Store(f"sqlite:///{tmp_path / 'test.db'}", durable=False)
    else:
        server = request.getfixturevalue("postgres_server")
        store = Store(server.create_database(f"t{uuid.uuid4().hex}"))
    yield store
    store.close()


@pytest.fixture
def store(empty_store: Store) -> Store:
    """A migrated store."""
    migrate(empty_store)
    return empty_store
