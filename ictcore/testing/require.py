"""Real servers that a test needs: a visible skip on a laptop, a failure where they have to be there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

VARIABLE = "ICTCORE_REQUIRE"
"""Environment variable with a comma-separated list of servers whose absence is a failure; ``all`` names every one."""


def required(server: str) -> bool:
    """Whether the absence of ``server`` must fail the tests."""
    names = {name.strip() for name in os.environ.get(VARIABLE, "").split(",")}
    return server in names or "all" in names


def require(server: str, available: object, reason: str) -> None:
    """Go on when ``available`` is true; else skip the test, or fail it where :data:`VARIABLE` names ``server``.

    :param server: the name used in the variable, such as ``postgresql``.
    :param reason: what is missing, for the report.
    """
    if available:
        return
    if required(server):
        pytest.fail(f"{server} is required ({VARIABLE}): {reason}", pytrace=False)
    pytest.skip(f"{server}: {reason}")


def require_program(server: str, program: str, folders: Sequence[str | Path] = ()) -> str:
    """The path of ``program``, looked for in ``folders``, then on ``PATH`` and in the ``sbin`` folders.

    Skips or fails as :func:`require` when there is none.
    """
    search = os.pathsep.join([*map(str, folders), os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    path = shutil.which(program, path=search)
    require(server, path, f"the program {program} is not installed")
    assert path is not None
    return path
