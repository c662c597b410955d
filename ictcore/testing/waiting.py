"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds after which a test gives up; far more than a slow machine needs."""


def wait_until(condition: Callable[[], T], timeout: float = PATIENCE, what: str = "") -> T:
    """Block until ``condition()`` is true and return what it returned.

    :param timeout: seconds.
    :param what: names the condition in the error.
    :raises AssertionError: it does not become true within ``timeout``.
    """
    deadline = time.monotonic() + timeout
    pause = 0.001
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {what or condition}; last: {result!r}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
