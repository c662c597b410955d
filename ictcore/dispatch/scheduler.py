"""The scheduler: what is done by time, by one process at a time. Any number may run; one leads.

The library ``schedule`` only ticks: what is due, and for whom, is in the database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import schedule

from ictcore.dispatch.lease import process_name
from ictcore.dispatch.recovery import Recovery
from ictcore.domain.clock import Clock, epoch, utc_now
from ictcore.domain.errors import StoreUnavailable
from ictcore.inbox.accept import Inbox
from ictcore.inbox.settle import time_out
from ictcore.spec.settings import Settings
from ictcore.store import leader
from ictcore.store.database import Store
from ictcore.store.purge import remove_old

log = logging.getLogger(__name__)

DUTY = "scheduler"
TERM = 30.0
"""Seconds that leadership holds without being renewed."""
CHUNK = 5000
"""Rows that are removed in one transaction."""


class Scheduler:
    """Runs the jobs of a system while it leads."""

    def __init__(self, store: Store, inbox: Inbox, settings: Settings, *, clock: Clock = utc_now) -> None:
        self._store = store
        self._inbox = inbox
        self._settings = settings
        self._clock = clock
        self._stopping = False
        self._holder = process_name()
        self._recovery = Recovery(store, inbox, node=None, lease=settings["dispatch.lease"], clock=clock)
        self._timetable = schedule.Scheduler()
        self._timetable.every(10).seconds.do(self._job, "time-outs", self.time_outs)
        self._timetable.every(30).seconds.do(self._job, "recovery", self._recovery.run)
        self._timetable.every(10).minutes.do(self._job, "purge", self.purge)

    def run(self) -> None:
        """Work until :meth:`stop` is called. Blocks."""
        self._job("purge", self.purge)
        while not self._stopping:
            self._timetable.run_pending()
            time.sleep(0.25)
        try:
            leader.resign(self._store, DUTY, self._holder)
        except StoreUnavailable as error:
            log.info("%s; leadership ends by itself", error.message)
        self._store.close()

    def stop(self) -> None:
        """End :meth:`run` soon, from any thread or a signal handler. Takes no lock, as a handler must not."""
        self._stopping = True

    @property
    def leads(self) -> bool:
        """Take or keep the lead; whether this process has it.

        :raises StoreUnavailable: the database cannot be used.
        """
        now = epoch(self._clock())
        return leader.lead(self._store, DUTY, self._holder, now, now + TERM)

    def time_outs(self) -> int:
        """Attempts whose report, or settlement, did not come in time. How many were changed."""
        done = 0
        while changed := time_out(self._store, self._inbox, epoch(self._clock())):
            done += changed
        return done

    def purge(self) -> int:
        """Remove what has grown too old: taken events, idempotency keys, revoked tokens, login throttles. How many."""
        now = epoch(self._clock())
        removed = 0
        for table, before in (
            ("inbox", now - 86_400.0 * self._settings["dispatch.inbox_days"]),
            ("idempotency", now - 3600.0 * self._settings["dispatch.idempotency_hours"]),
            ("revoked_token", now),
            ("login_throttle", now),
        ):
            while gone := remove_old(self._store, table, before, CHUNK):
                removed += gone
                if gone < CHUNK or self._stopping:
                    break
        return removed

    def _job(self, name: str, work: Callable[[], int]) -> None:
        """Do one job if this process leads. A job that fails is tried again at its next time."""
        try:
            if self.leads and (done := work()):
                log.info("%s: %d rows", name, done)
        except StoreUnavailable as error:
            log.warning("%s waits: %s", name, error.message)
        except Exception:
            log.exception("the job %s failed", name)
