"""A million contacts by ``POST /groups/{id}/csv`` against ``sqlite3 .import`` (and psql ``\\copy``).

Ours checks every row, looks for duplicates, links each contact to its group and keeps a report of the bad rows. The
loaders fill a table with the same columns and indexes.
"""

from __future__ import annotations

import http.client
import itertools
import json
import subprocess
import time
from pathlib import Path

from ictcore.testing.postgres import PostgresServer
from tests.bench.lib import contact_files
from tests.bench.lib.api_server import ApiServer
from tests.bench.lib.measure import Pair, Result, in_turns, note
from tests.bench.lib.programs import postgresql, program
from tests.bench.lib.systems import folder, new_system

ROWS = 1_000_000
ROWS_POSTGRESQL = 250_000
RUNS = 3


class Case:
    """One engine."""

    def __init__(self, work: Path, rows: int, postgres: PostgresServer | None = None) -> None:
        self.work = work
        self.rows = rows
        self.postgres = postgres
        self.mine, self.theirs = work / f"contacts{rows}.csv", work / f"loader{rows}.csv"
        self.peaks: list[float] = []
        self._numbers = itertools.count(1)
        if not self.mine.exists():
            note(f"writing {rows} contacts")
            contact_files.write(self.mine, self.theirs, rows)

    def ours(self) -> float:
        """Rows per second through the real API."""
        home, url = self._fresh()
        with ApiServer(home, url=url, settings={"ICTCORE_HTTP_TIMEOUT": "600"}) as server:
            headers = {
                "Authorization": f"Bearer {server.token()}",
                "Content-Type": "text/csv",
                "Content-Length": str(self.mine.stat().st_size),
            }
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
            with self.mine.open("rb") as file:
                started = time.perf_counter()
                connection.request("POST", "/groups/1/csv", file, headers)
                answer = connection.getresponse()
                found = json.load(answer)
                elapsed = time.perf_counter() - started
            connection.close()
            self.peaks.append(server.peak_memory())
        bad = -(-self.rows // contact_files.BAD_EVERY)
        if answer.status != 200 or found["failed"] != bad or found["total"] != self.rows:
            raise RuntimeError(f"the import did not do its work: {answer.status} {str(found)[:300]}")
        note(f"ours {elapsed:.1f} s, peak {self.peaks[-1]:.0f} MB")
        return self.rows / elapsed

    def baseline(self) -> float:
        """Rows per second of the engine's own loader."""
        home, url = self._fresh()
        if self.postgres is not None:
            into = f"\\copy contact({contact_files.HEADER_OF_LOADERS}) from '{self.theirs}' (format csv, null 'NULL')"
            argv = [postgresql("psql"), url, "-q", "-v", "ON_ERROR_STOP=1", "-c", into]
        else:
            argv = [
                program("sqlite3", "sqlite3"), "-cmd", "pragma cache_size=-64000", "-cmd", "pragma synchronous=full",
                str(home / "ictcore.db"), ".mode csv", f".import {self.theirs} contact",
            ]  # fmt: skip
        started = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        elapsed = time.perf_counter() - started
        note(f"baseline {elapsed:.1f} s")
        return self.rows / elapsed

    def _fresh(self) -> tuple[Path, str]:
        """A new migrated database with one group: the home of its system, and its URL (``""``: SQLite)."""
        number = next(self._numbers)
        url = self.postgres.create_database(f"bench{number}") if self.postgres else ""
        home = self.work / f"home{self.rows}-{number}"
        runtime = new_system(home, url=url)
        runtime.store.run("INSERT INTO contact_group (name, created_by, created_at) VALUES ('g', 1, 1.0)")
        if self.postgres is None:
            runtime.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        runtime.close()
        return home, url


def postgresql_case(work: Path) -> tuple[Pair, float]:
    """The pair and the peak memory in MB on PostgreSQL, with fewer rows and one run."""
    server = PostgresServer(durable=True).start()
    try:
        case = Case(work, ROWS_POSTGRESQL, server)
        return in_turns(1, case.ours, case.baseline), max(case.peaks)
    finally:
        server.stop()


def main() -> Result:
    """The ratio is that of SQLite; PostgreSQL is in the detail."""
    program("sqlite3", "sqlite3")
    postgresql("psql")
    with folder() as work:
        case = Case(work, ROWS)
        pair = in_turns(RUNS, case.ours, case.baseline)
        other, other_peak = postgresql_case(work)
    detail = {
        "rows": ROWS,
        "peak_memory_mb": round(max(case.peaks)),
        "postgresql": {"rows": ROWS_POSTGRESQL, "peak_memory_mb": round(other_peak), **other.shown()},
    }
    return Result("csv_import", pair, "rows/s", 0.5, detail)
