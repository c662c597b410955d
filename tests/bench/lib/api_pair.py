"""The real API and the bare application over equal data, side by side, and wrk on both."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from tests.bench.lib import wrk
from tests.bench.lib.api_server import ApiServer, bare_server, workers_time
from tests.bench.lib.measure import Pair, in_turns, rounded
from tests.bench.lib.systems import add_contacts, new_system

CONTACTS = 10_000
CONNECTIONS = 8


@dataclass(frozen=True)
class Side:
    """One of the two servers. ``pid``: of its gunicorn."""

    url: str
    token: str
    pid: int


class ApiPair:
    """Ours, and the bare application."""

    def __init__(self, ours: Side, bare: Side) -> None:
        self._ours, self._bare = ours, bare

    def measure(
        self, path: str, *, bare_path: str = "", script: str = "", runs: int, seconds: float
    ) -> tuple[Pair, dict[str, Any]]:
        """Requests per second of ours and of the bare application; also as a detail, with CPU per request.

        :param bare_path: the path for the bare one, when it is another.
        """
        spent: dict[str, list[float]] = {"ours": [], "baseline": []}

        def one(name: str, side: Side, where: str) -> float:
            headers = {"Authorization": f"Bearer {side.token}"}
            before = workers_time(side.pid)
            load = wrk.run(side.url + where, connections=CONNECTIONS, seconds=seconds, headers=headers, script=script)
            spent[name].append((workers_time(side.pid) - before) / load.requests * 1e6)
            return load.rate

        pair = in_turns(
            runs,
            lambda: one("ours", self._ours, path),
            lambda: one("baseline", self._bare, bare_path or path),
        )
        ours, baseline = (statistics.median(spent[name]) for name in ("ours", "baseline"))
        cpu = {"ours": rounded(ours), "baseline": rounded(baseline), "ratio": rounded(baseline / ours)}
        return pair, {**pair.shown(), "cpu_us_per_request": cpu}


@contextmanager
def api_pair(work: Path, *, url: str = "", bare_url: str = "") -> Iterator[ApiPair]:
    """Both servers with 10,000 contacts each, warmed up.

    :param url: URL of ours' PostgreSQL database, ``bare_url`` of the other one's; empty: SQLite files in ``work``.
    """
    for name, database in (("ours", url), ("bare", bare_url)):
        runtime = new_system(work / name, url=database)
        add_contacts(runtime, CONTACTS)
        runtime.close()
    key = secrets.token_hex(32)
    bare_database = bare_url or str(work / "bare" / "ictcore.db")
    with (
        ApiServer(work / "ours", url=url) as server,
        bare_server(work / "bare", database=bare_database, key=key) as (bare, bare_pid),
    ):
        token = server.token()
        pair = ApiPair(Side(server.url, token, server.process.pid), Side(bare, _like(token, key), bare_pid))
        pair.measure("/contacts/1", runs=1, seconds=1)
        yield pair


def _like(token: str, key: str) -> str:
    """A token that says the same as ``token``, signed with ``key``."""
    claims = jwt.decode(token, options={"verify_signature": False})
    claims |= {"iat": int(time.time()), "exp": int(time.time()) + 3600}
    return jwt.encode(claims, bytes.fromhex(key), algorithm="HS256", headers={"kid": "0" * 21})
