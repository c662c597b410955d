"""Providers of type smpp and http: their files, and bearerbox told of them. Also watches the state of all links."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ictcore.spec import GatewayError, Health, Trunk
from ictcore_gateway_kannel.admin import Admin, LinkState, Status
from ictcore_gateway_kannel.config import Config
from ictcore_gateway_kannel.providers import Http, Smpp
from ictcore_gateway_kannel.smscconf import render

log = logging.getLogger(__name__)

TRIED = "1.4.5"
"""The release of Kannel that this plugin was tried with; the box protocol of others may have other fields."""

Written = tuple[Trunk, Smpp | Http]


class Provisioner:
    """Keeps a folder that kannel.conf includes, one file per provider, and bearerbox's links equal to the providers."""

    def __init__(self, config: Config) -> None:
        self._folder = config.providers_folder
        self._prefix = config.smsc_prefix
        self._interval = config.status_interval
        self._admin = (
            Admin(config.host, config.admin_port, config.admin_password, config.status_password)
            if config.admin_port
            else None
        )
        self._own = re.compile(rf"{re.escape(self._prefix)}-\d{{1,18}}")
        self._wanted: frozenset[str] = frozenset()
        self._changed: set[str] = set()
        self._gone: set[str] = set()
        self._status: Status | None = None
        self._present: frozenset[str] | None = None
        self._fault = ""
        self._refused: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def smsc_id(self, trunk: int) -> str:
        """The ``smsc-id`` of a provider's link."""
        return f"{self._prefix}-{trunk}"

    def lacks(self, smsc_id: str) -> bool:
        """Whether bearerbox, when last asked, had no such link. ``False`` when that is not known."""
        return self._present is not None and smsc_id not in self._present

    def check(self, trunk: Trunk, settings: Smpp | Http) -> None:
        """Whether it can be written.

        :raises GatewayMisconfigured: it cannot; the message names the field.
        """
        render(trunk, settings, self.smsc_id(trunk.id))

    def apply(self, providers: Sequence[Written]) -> list[str]:
        """Write, change and remove files, then tell bearerbox. Returns what went wrong, one sentence each.

        A bearerbox that does not answer is nothing wrong: it is told later, or reads the files when it starts.
        """
        wrong = _taken_ports(providers)
        files = {
            self.smsc_id(trunk.id): render(trunk, settings, self.smsc_id(trunk.id)) for trunk, settings in providers
        }
        try:
            changed = self._write(files)
        except OSError as error:
            wrong.append(f"{self._folder} cannot be written: {error.strerror or error}")
            return wrong
        with self._lock:
            self._wanted = frozenset(files)
            self._changed = {smsc_id for smsc_id in self._changed | changed if smsc_id in files}
            self._gone = (self._gone | changed) - files.keys()
        if self._admin is not None and (files or changed or self._thread is not None):
            self._look()
        return wrong

    def _write(self, files: Mapping[str, str]) -> set[str]:
        """Returns the ids whose file changed or went away. Every file is replaced in one step."""
        changed: set[str] = set()
        if files:
            self._folder.mkdir(parents=True, exist_ok=True)
        if not self._folder.is_dir():
            return changed
        for smsc_id, text in files.items():
            path = self._folder / f"{smsc_id}.conf"
            if _read(path) != text:
                self._replace(path, text)
                changed.add(smsc_id)
        for path in self._folder.glob(f"{self._prefix}-*.conf"):
            if path.stem not in files and self._own.fullmatch(path.stem):
                path.unlink(missing_ok=True)
                changed.add(path.stem)
        return changed

    def _replace(self, path: Path, text: str) -> None:
        # Kannel reads every file of an included folder but no folders in it: a file is finished in one of those first.
        fresh_folder = self._folder / ".new"
        fresh_folder.mkdir(exist_ok=True)
        fresh = fresh_folder / path.name
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)

    def start(self) -> None:
        """Begin to watch the links, when there is an admin port."""
        if self._admin is not None and self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="kannel-status", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching. Calling it twice is safe."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(10.0)

    def _watch(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(Exception):
                self._look()
            self._stop.wait(self._interval)

    def _look(self) -> None:
        """See which links there are, and make them those that are wanted."""
        assert self._admin is not None
        with self._lock:
            try:
                status = self._admin.status()
                if self._settle(self._admin, status):
                    status = self._admin.status()
                if status.version != TRIED and (self._status is None or self._status.version != status.version):
                    log.warning("bearerbox is %r; this was tried with %s", status.version, TRIED)
                self._present = frozenset(link.smsc_id for link in status.links)
                self._status, self._fault = status, ""
            except GatewayError as error:
                if error.message != self._fault:
                    log.warning("bearerbox: %s", error.message)
                self._status, self._present, self._fault = None, None, error.message

    def _settle(self, admin: Admin, status: Status) -> bool:
        """Add, change and remove links. Returns whether anything was done."""
        present = {link.admin_id for link in status.links}
        unwanted = self._gone & present  # only what we wrote ourselves: another system may use the same Kannel
        anew = self._changed & present
        for smsc_id in sorted(unwanted | anew):
            admin.remove(smsc_id)
        self._changed.clear()
        self._gone.clear()
        for smsc_id in sorted((self._wanted - present) | anew):
            if admin.add(smsc_id):
                self._refused.pop(smsc_id, None)
                log.info("link %s is loaded", smsc_id)
            elif smsc_id not in self._refused:
                self._refused[smsc_id] = (
                    "bearerbox could not load it: does kannel.conf hold a line that includes "
                    f"{self._folder}? Bearerbox's log says more"
                )
                log.warning("link %s: %s", smsc_id, self._refused[smsc_id])
        for smsc_id in set(self._refused) - self._wanted:
            del self._refused[smsc_id]
        return bool(unwanted or anew or (self._wanted - present))

    def health(self, names: Mapping[str, str]) -> list[Health]:
        """Bearerbox and the links of our providers.

        :param names: ``smsc-id`` -> provider's name, for every provider.
        """
        if self._admin is None:
            if not self._wanted:
                return []
            return [Health("kannel admin", "no admin port is set: bearerbox must be restarted to see providers")]
        status = self._status
        if status is None:
            return [Health("kannel admin", self._fault or "not asked yet")]
        fault = "" if status.state in ("", "running") else f"bearerbox is {status.state}"
        detail: dict[str, object] = {"version": status.version, "tried_with": TRIED, "state": status.state}
        found = [Health("kannel admin", fault, detail)]
        by_id: dict[str, LinkState] = {}
        for link_state in status.links:  # one id may have two connections: tell of the one that is worse off
            if link_state.smsc_id not in by_id or not link_state.online:
                by_id[link_state.smsc_id] = link_state
        for smsc_id, name in names.items():
            link = by_id.get(smsc_id)
            if link is None:
                fault = self._refused.get(smsc_id) or f"bearerbox has no link {smsc_id}"
                found.append(Health(f"kannel link {name}", fault))
                continue
            detail = {"smsc_id": smsc_id, **link._asdict()}
            found.append(Health(f"kannel link {name}", "" if link.online else f"the link is {link.state}", detail))
        return found


def _read(path: Path) -> str | None:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None


def _taken_ports(providers: Sequence[Written]) -> list[str]:
    taken: dict[int, str] = {}
    wrong = []
    for trunk, settings in providers:
        if isinstance(settings, Http):
            other = taken.setdefault(settings.receive_port, trunk.name)
            if other != trunk.name:
                wrong.append(f"provider {trunk.name!r}: receive_port {settings.receive_port} is that of {other!r}")
    return wrong
