"""wrk, a load generator in C."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.lib.programs import program

_COUNT = re.compile(r"(\d+) requests in")
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_WRONG = re.compile(r"Non-2xx or 3xx responses: (\d+)")


@dataclass(frozen=True)
class Load:
    """What wrk has seen: requests per second, and how many requests."""

    rate: float
    requests: int


def run(
    url: str,
    *,
    connections: int,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    script: str = "",
    threads: int = 1,
    allowed: float = 0.0,
) -> Load:
    """Requests over keep-alive connections, as many as the server answers.

    :param script: Lua, as wrk takes it.
    :param allowed: the share of answers that may be no success.
    :raises RuntimeError: more than that were none, or the server did not answer.
    """
    argv = [program("wrk", "wrk"), "-t", str(threads), "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
    for name, value in (headers or {}).items():
        argv += ["-H", f"{name}: {value}"]
    with tempfile.TemporaryDirectory(prefix="ictcore-wrk-") as folder:
        if script:
            file = Path(folder) / "script.lua"
            file.write_text(script)
            argv += ["-s", str(file)]
        done = subprocess.run([*argv, url], capture_output=True, text=True, timeout=seconds + 60, check=True)
    found = _RATE.search(done.stdout)
    if found is None or float(found[1]) == 0:
        raise RuntimeError(f"wrk got no answer: {done.stdout}{done.stderr}")
    wrong = _WRONG.search(done.stdout)
    if wrong is not None and int(wrong[1]) > allowed * float(found[1]) * seconds:
        raise RuntimeError(f"{wrong[1]} answers were no success: {done.stdout}")
    count = _COUNT.search(done.stdout)
    assert count is not None
    return Load(float(found[1]), int(count[1]))
