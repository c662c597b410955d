"""Whether the system can take work and do it, and if not, what is wrong."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from ictcore.domain.errors import IctError
from ictcore.domain.service import NAMES
from ictcore.spec.gateway import Health
from ictcore.store import workers
from ictcore.store.schema import pending
from ictcore.usecases.system import System

log = logging.getLogger(__name__)

LEAST_SPACE = 64 * 1024 * 1024
"""Bytes that must be free where the state is kept; below, writes may fail at any time."""


class Entry(msgspec.Struct):
    """One dependency. ``critical``: a fault in it makes the system not ready."""

    name: str
    ok: bool
    fault: str = ""
    critical: bool = False
    detail: dict[str, Any] = {}


class Report(msgspec.Struct):
    """How the system is. ``ready``: it takes work, and does it."""

    ready: bool
    dependencies: list[Entry]


def check(system: System) -> Report:
    """Look at every dependency now. Blocks for one round trip to the database; never raises."""
    entries = [_database(system), _space(system)]
    if entries[0].ok:
        try:
            entries += [*_dispatchers(system), *_gateways(system)]
        except IctError as error:
            entries[0] = Entry("database", False, error.message, critical=True)
    entries += _plugins(system)
    return Report(all(entry.ok for entry in entries if entry.critical), entries)


def _database(system: System) -> Entry:
    began = time.perf_counter()
    try:
        system.store.row("SELECT version FROM identity_version WHERE id = 1")
        waiting = pending(system.store)
    except IctError as error:
        return Entry("database", False, error.message, critical=True)
    except Exception as error:  # tables are missing: a database that was never migrated
        return Entry("database", False, f"the schema cannot be used: {type(error).__name__}", critical=True)
    detail: dict[str, Any] = {
        "engine": system.store.engine,
        "milliseconds": round((time.perf_counter() - began) * 1000, 1),
    }
    fault = f"migrations are waiting: {', '.join(waiting)}; run ictcore migrate" if waiting else ""
    return Entry("database", not fault, fault, critical=True, detail=detail)


def _space(system: System) -> Entry:
    try:
        free = shutil.disk_usage(system.home).free
    except OSError as error:
        return Entry("disk", False, f"the home folder cannot be looked at: {error.strerror}")
    fault = f"only {free // 2**20} MiB are free where the state is kept" if free < LEAST_SPACE else ""
    return Entry("disk", not fault, fault, detail={"free_bytes": free})


def _dispatchers(system: System) -> list[Entry]:
    """One entry per service that has work waiting: somebody must be there to do it."""
    now = system.now()
    alive = bool(workers.running(system.store, now))
    entries = []
    for flag, name in NAMES.items():
        due = system.store.row(
            "SELECT 1 FROM"  # a look at some of them is enough, and costs the same however many there are
            " (SELECT not_before FROM spool WHERE state = 'queued' AND service_flag = ? LIMIT 10000) AS counted"
            " WHERE not_before <= ? LIMIT 1",
            (flag, now),
        )
        if due is not None:
            fault = "" if alive else "work is waiting and no dispatcher runs"
            entries.append(Entry(f"dispatcher for {name}", alive, fault, critical=True))
    if not entries:
        fault = "" if alive else "no dispatcher runs"
        entries.append(Entry("dispatcher", alive, fault))
    return entries


def _gateways(system: System) -> list[Entry]:
    """What the dispatchers have last said of their gateways."""
    entries = []
    for _, node, name, _, _, health, _ in workers.running(system.store, system.now()):
        try:
            found = msgspec.json.decode(health, type=list[dict[str, Any]])
        except msgspec.DecodeError:
            found = []
        for item in found:
            fault = str(item.get("fault") or "")
            title = str(item.get("name", "gateway"))
            if title == "database" and not fault:
                continue  # told already, as we see it from here
            detail = {**(item.get("detail") or {}), "node": node, "worker": name}
            entries.append(Entry(title, not fault, fault, detail=detail))
    return entries


def _plugins(system: System) -> list[Entry]:
    entries = [
        Entry(f"plugin {info.name}", False, f"quarantined: {info.error}")
        for info in system.registry.plugins
        if info.state == "quarantined"
    ]
    if system.plugins is not None:
        found: Iterable[Health] = system.plugins.collect("ictcore_health", settings=system.settings)
        for health in found:
            entries.append(Entry(health.name, health.ok, health.fault, detail=dict(health.detail)))
    return entries
