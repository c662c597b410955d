"""A store on each engine, and a world in it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ictcore.store.database import Store
from ictcore.store.models import ALL
from ictcore.store.schema import migrate
from ictcore.testing.postgres import PostgresServer
from tests.dispatch.world import World

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "t.db"
    store = Store(f"sqlite:///{path}", durable=False)
    migrate(store)
    store.close()
    return path


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """A migrated PostgreSQL database that the tests of this process use one after the other."""
    url = postgres_server.create_database(f"dispatch_{uuid.uuid4().hex}")
    store = Store(url)
    migrate(store)
    store.close()
    return url


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database with empty tables."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "test.db")
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        names = ", ".join(f'"{model._meta.table_name}"' for model in ALL)
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())
    return url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A migrated store."""
    store = Store(url, durable=False)
    yield store
    store.close()


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Iterator[World]:
    """A world with nothing to send and no provider."""
    world = World(store, tmp_path)
    yield world
    world.close()
