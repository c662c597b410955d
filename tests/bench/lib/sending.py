"""Emptying a queue by the real dispatcher, ``ictcore dispatch``, as a process of its own."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ictcore.domain.ids import new_attempt_id
from ictcore.domain.plan import Plan
from ictcore.domain.user import Actor
from ictcore.runtime import Runtime
from ictcore.store.plans import dump_plan
from ictcore.testing.servers import ServerProcess
from ictcore.usecases import providers
from tests.bench.lib.measure import rounded
from tests.bench.lib.process import processor_time
from tests.bench.lib.systems import new_system

PATIENCE = 120.0
_ADMIN = Actor(1, "admin", frozenset({"provider"}))
_LEFT = (
    "SELECT 1 FROM spool WHERE service_flag = ? AND state = 'queued' LIMIT 1",
    "SELECT 1 FROM spool WHERE state IN ('claimed', 'submitting') AND service_flag = ? LIMIT 1",
    "SELECT 1 FROM spool WHERE state IN ('submitted', 'uncertain') AND service_flag = ? LIMIT 1",
)
"""By the three partial indexes, so that looking costs next to nothing."""


class Sending:
    """A system on SQLite with durable commits, one provider and one dispatcher.

    :param settings: of the system, ``section.name`` -> value.
    :param provider: the provider's row, as ``POST /providers`` takes it.
    :param flag: of the service.
    """

    def __init__(self, home: Path, settings: Mapping[str, Any], provider: Mapping[str, Any], *, flag: int) -> None:
        flags = {"plugins.blocked": ["ictcore-gateway-simulator"], **settings}
        self.runtime: Runtime = new_system(home, flags)
        providers.create(self.runtime.system, _ADMIN, provider)
        self.flag = flag
        self.cpu: list[float] = []
        self._store = self.runtime.store
        self._program = self._store.value(
            "INSERT INTO program (name, type, created_by, created_at) VALUES ('bench', 'bench', 1, 1.0) RETURNING id"
        )
        variables = {
            f"ICTCORE_{key.replace('.', '_').upper()}": ",".join(value) if isinstance(value, list) else str(value)
            for key, value in flags.items()
        }
        self.process = ServerProcess(
            [str(Path(sys.executable).with_name("ictcore")), "dispatch"],
            log=home / "dispatch.log",
            environment={"ICTCORE_HOME": str(home), **variables},
            folder=home,
            ready=lambda: self._store.row("SELECT 1 FROM worker"),
        )

    def rate(self, count: int, source: str, destination: Callable[[int], str], plan: Callable[[int], Plan]) -> float:
        """Attempts per second: from the claim of the first to the commit that completes the last.

        All of them are queued in one transaction while the dispatcher waits.

        :raises RuntimeError: not all of them were completed.
        """
        self._queue(count, source, destination, plan)
        before = processor_time(self.process.pid)
        deadline = time.monotonic() + PATIENCE
        for query in _LEFT:
            while self._store.row(query, (self.flag,)) is not None:
                if time.monotonic() > deadline or not self.process.running:
                    raise RuntimeError(f"not sent: {self._states()}\n{self.process.output()[-2000:]}")
                time.sleep(0.01)
        ended = time.time()
        self.cpu.append((processor_time(self.process.pid) - before) / count * 1e6)
        started = self._store.value("SELECT min(time_start) FROM spool WHERE id > ?", (self._last,))
        done = self._store.value("SELECT count(*) FROM spool WHERE id > ? AND state = 'completed'", (self._last,))
        if done != count:
            raise RuntimeError(f"{done} of {count} were completed: {self._states()}\n{self.process.output()[-2000:]}")
        return float(count / (ended - started))

    def cpu_per_attempt(self) -> float:
        """Median of the runs: microseconds of the dispatcher's CPU for one attempt."""
        return rounded(statistics.median(self.cpu))

    def _states(self) -> str:
        rows = self._store.rows("SELECT state, cause, waiting_for, count(*) FROM spool GROUP BY 1, 2, 3")
        return "; ".join(str(row) for row in rows)

    def _queue(self, count: int, source: str, destination: Callable[[int], str], plan: Callable[[int], Plan]) -> None:
        store, now = self._store, time.time()
        self._last = store.value("SELECT coalesce(max(id), 0) FROM spool")
        first = store.value("SELECT coalesce(max(id), 0) + 1 FROM transmission")
        with store.transaction():
            store.many(
                "INSERT INTO transmission (id, title, service_flag, program_id, status, try_done, last_run, created_by,"
                " created_at) VALUES (?, '', ?, ?, 'processing', 1, ?, 1, ?)",
                ((first + number, self.flag, self._program, now, now) for number in range(count)),
            )
            store.many(
                "INSERT INTO spool (uuid, transmission_id, created_by, service_flag, state, not_before, source,"
                " destination, plan, time_spool) VALUES (?, ?, 1, ?, 'queued', ?, ?, ?, ?, ?)",
                (
                    (
                        new_attempt_id(), first + number, self.flag, now, source, destination(number),
                        dump_plan(plan(number)), now,
                    )
                    for number in range(count)
                ),
            )  # fmt: skip

    def __enter__(self) -> Sending:
        self.process.start()
        return self

    def __exit__(self, *about: object) -> None:
        self.process.stop(30.0)
        self.runtime.close()
