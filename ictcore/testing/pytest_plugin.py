"""Fixtures for authors of plugins; loaded by pytest through the entry point ``pytest11`` of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ictcore.testing.fakes import MemorySink
    from ictcore.testing.postgres import PostgresServer

# The suites' plain ``assert`` statements shall tell what they compared, as those of test files do.
pytest.register_assert_rewrite("ictcore.testing.suites", "ictcore.testing.story")


@pytest.fixture
def memory_sink() -> MemorySink:
    """A sink that keeps its events and confirms each batch at once."""
    from ictcore.testing.fakes import MemorySink

    return MemorySink()


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens. For several: :func:`ictcore.testing.servers.free_port`."""
    from ictcore.testing import servers

    return servers.free_port()


@pytest.fixture(scope="session")
def require() -> Callable[[str, object, str], None]:
    """``require(server, available, reason)``: skip, or fail where ``ICTCORE_REQUIRE`` names the server."""
    from ictcore.testing.require import require as function

    return function


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    """``wait_until(condition, timeout=20.0)``: block until it is true; an ``AssertionError`` when it is not in time."""
    from ictcore.testing.waiting import wait_until as function

    return function


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL server, one for each process of tests; each test makes its own database.

    Skips when its programs are not installed, fails where ``ICTCORE_REQUIRE`` names ``postgresql``.
    """
    from ictcore.testing.postgres import PostgresServer

    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.stop()
