"""A dispatcher process with a gateway that writes down everything that it sends, killed where the test says.

It reads one JSON object per line from standard input: url, log, kill (name of a checkpoint, or ""), nth, knows,
reports.
For each it forks a dispatcher (importing everything anew would take longer than the test), prints its process id, and
when it has ended, its status. A dispatcher ends by itself (0) when nothing is left to do.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ictcore.dispatch import lines
from ictcore.dispatch.dispatcher import Dispatcher
from ictcore.dispatch.settings import SETTINGS
from ictcore.inbox.accept import Inbox
from ictcore.spec import (
    Attempt,
    Delivered,
    Failed,
    GatewayUnavailable,
    NotSubmitted,
    Reconciliation,
    RetryPolicy,
    Submitted,
    cause,
    utc_now,
)
from ictcore.store.database import Store
from ictcore.store.media import MediaStore
from ictcore.testing.fakes import StaticSettings
from tests.dispatch.world import FakeType, Service


class Killer:
    """Ends (or stops) this process at the nth time that a checkpoint is reached."""

    def __init__(self, name: str, nth: int, number: signal.Signals = signal.SIGKILL) -> None:
        self._name, self._left, self._number = name, nth, number

    def __call__(self, name: str) -> None:
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._number)


class CountingGateway:
    """Appends the id of each attempt that it sends to a file, then reports.

    :param knows: whether it can tell later what it has sent.
    :param reports: whether the end is reported separately from the submission.
    """

    def __init__(self, log: Path, killer: Killer, *, knows: bool, reports: bool) -> None:
        self._file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._log = log
        self._killer = killer
        self._knows = knows
        self._reports = reports
        self._refused: set[str] = set()

    def provision(self, trunks: Any) -> None: ...

    def start(self, sink: Any) -> None:
        self._sink = sink

    def room(self) -> int:
        return 1000

    def submit(self, attempts: Sequence[Attempt]) -> None:
        self._killer("before the first byte")
        for number, attempt in enumerate(attempts):
            if number == len(attempts) // 2:
                self._killer("between two")
            now = utc_now()
            if attempt.destination.endswith("9") and attempt.id not in self._refused:
                self._refused.add(attempt.id)  # nothing leaves: it will come again under the same id
                self._sink.put([NotSubmitted(attempt_id=attempt.id, at=now, error=GatewayUnavailable("not now"))])
                continue
            os.write(self._file, f"{attempt.id} {attempt.destination} {attempt.tries}\n".encode())
            fails = attempt.destination.endswith("3") and attempt.tries == 1
            end = Failed(attempt_id=attempt.id, at=now, cause=cause.BUSY) if fails else self._delivered(attempt.id)
            if self._reports:
                self._sink.put([Submitted(attempt_id=attempt.id, at=now)])
            self._sink.put([end])
        self._killer("sent")

    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        if not self._knows:
            return Reconciliation()
        sent = {line.split()[0] for line in self._log.read_text().splitlines()}
        return Reconciliation(
            events=[self._delivered(id) for id in attempt_ids if id in sent],
            never_sent=frozenset(id for id in attempt_ids if id not in sent),
        )

    def health(self) -> Sequence[Any]:
        return ()

    def stop(self, timeout: float) -> None:
        os.close(self._file)

    def _delivered(self, id: str) -> Delivered:
        return Delivered(attempt_id=id, at=utc_now())


def main(url: str, log: str, kill: str, nth: int, knows: bool, reports: bool, stop: str = "") -> None:
    """Run a dispatcher until nothing is left to do."""
    lines.FIRST_PAUSE = 0.01  # seconds that a provider is left alone after it refused
    store = Store(url)
    service = Service("sms")
    service.retry = RetryPolicy({cause.BUSY: 0.0})
    killer = Killer(stop, nth, signal.SIGSTOP) if stop else Killer(kill, nth)
    gateway = CountingGateway(Path(log), killer, knows=knows, reports=reports)
    services: Any = {"sms": service}
    lease = 1.0 if stop else 15.0  # so short that being stopped for a moment is too long
    dispatcher = Dispatcher(
        store,
        services,
        {"fake": FakeType(reports_survive=False)},
        {"fake": gateway},
        Inbox(store, services, MediaStore(Path(tempfile.gettempdir()))),
        node="n1",
        settings=StaticSettings(SETTINGS, {"dispatch.batch": 20, "dispatch.poll": 0.05, "dispatch.lease": lease}),
        checkpoint=killer,
    )
    dispatcher.start()
    until = time.monotonic() + 60
    left = "SELECT 1 FROM spool WHERE state IN ('queued', 'claimed', 'submitting', 'submitted') LIMIT 1"
    while time.monotonic() < until:
        dispatcher.turn()
        dispatcher.wait()
        if store.row(left) is None and not len(dispatcher.sink):
            break
    dispatcher.finish()


def serve() -> None:
    """Fork a dispatcher for each line of standard input."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                main(**json.loads(line))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
