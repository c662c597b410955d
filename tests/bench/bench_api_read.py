"""One contact by id, and a list of 50, against a bare Falcon application that verifies the token and runs the same SQL.

Ours does more: it knows whose token it is, whether it was revoked, what he may do, and pages by ``Link`` headers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ictcore.testing.postgres import PostgresServer
from tests.bench.lib.api_pair import api_pair
from tests.bench.lib.measure import Result, lowest
from tests.bench.lib.programs import Missing, postgresql, program
from tests.bench.lib.systems import folder

RUNS = 4
SECONDS = 3
CASES = {"one": "/contacts/4711", "list": "/contacts?limit=50"}


def main() -> Result:
    """The ratio is the lower one of the two cases."""
    program("wrk", "wrk")
    with folder() as work:
        with api_pair(work / "sqlite") as servers:
            measured = {name: servers.measure(path, runs=RUNS, seconds=SECONDS) for name, path in CASES.items()}
            no_count = servers.measure(CASES["list"], bare_path=CASES["list"] + "&count=0", runs=1, seconds=SECONDS)
        detail: dict[str, Any] = {name: shown for name, (_, shown) in measured.items()}
        detail["list_against_a_bare_one_that_does_not_count"] = no_count[1]
        detail["postgresql"] = on_postgresql(work)
    name, pair = lowest({name: pair for name, (pair, _) in measured.items()})
    return Result("api_read", pair, "requests/s", 0.6, {"case": name, **detail})


def on_postgresql(work: Path) -> dict[str, Any]:
    """The same, one short run each."""
    try:
        postgresql("initdb")
    except Missing as missing:
        return {"not measured": str(missing)}
    server = PostgresServer(durable=True).start()
    try:
        ours, bare = server.create_database("ours"), server.create_database("bare")
        with api_pair(work / "postgresql", url=ours, bare_url=bare) as servers:
            return {name: servers.measure(path, runs=1, seconds=SECONDS)[1] for name, path in CASES.items()}
    finally:
        server.stop()
