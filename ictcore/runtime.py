"""The composition root: the one place where settings, plugins, the store and the use cases meet."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any

from ictcore.api.wsgi import create
from ictcore.dispatch.settings import SETTINGS as DISPATCH
from ictcore.domain.event import Event
from ictcore.inbox.accept import Inbox
from ictcore.plugins import PluginManager, Registry
from ictcore.settings import CORE, LoadedSettings, configuration_file, environment
from ictcore.spec.dialect import WsgiApp
from ictcore.spec.settings import Setting
from ictcore.spec.sink import Receipt, Sink
from ictcore.store.database import Store
from ictcore.store.media import MediaStore
from ictcore.usecases.system import System

log = logging.getLogger(__name__)


@dataclass
class Runtime:
    """One process's parts. Satisfies :class:`ictcore.spec.Runtime`. Nothing is connected until it is used.

    :ivar file: the configuration file that was read, if any.
    """

    settings: LoadedSettings
    plugins: PluginManager
    store: Store
    system: System
    file: Path | None = None

    @property
    def home(self) -> Path:
        """The folder that holds the system's state."""
        return self.system.home

    @property
    def media(self) -> Path:
        """The folder of stored media."""
        return self.home / "media"

    @property
    def registry(self) -> Registry:
        """What plugins have registered."""
        return self.plugins.registry

    def sink(self) -> Sink:
        """A sink that commits each batch before ``put`` returns.

        :raises StoreUnavailable: from ``put``, when the database cannot be used; nothing was kept.
        """
        return ImmediateSink(self)

    def close(self) -> None:
        """Close this thread's connection to the database. Calling it twice is safe."""
        self.store.close()


class ImmediateSink:
    """Applies each batch in the caller's thread: when ``put`` returns, it is committed."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._plugins = runtime.plugins
        self._inbox = Inbox(
            runtime.store,
            runtime.registry.services,
            MediaStore(runtime.media),
            clock=runtime.system.clock,
            country=settings["core.country"],
            uncertain_timeout=settings["dispatch.uncertain_timeout"],
        )

    def put(self, events: Sequence[Event]) -> Receipt:
        """Store and apply ``events``.

        :raises StoreUnavailable: the database cannot be used; nothing was kept.
        """
        accepted = self._inbox.accept(events)
        receipt = Receipt()
        receipt.confirm(accepted.refusals)
        if self._plugins.implements("ictcore_events_committed"):
            self._plugins.notify("ictcore_events_committed", events=events)
        return receipt


def core_settings() -> list[Setting]:
    """The settings that the core itself reads."""
    return [*CORE, *DISPATCH]


def load_runtime(
    config: str | None = None,
    flags: Mapping[str, Any] | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    found: Iterable[tuple[EntryPoint, Distribution | None]] | None = None,
) -> Runtime:
    """Read the settings, load the plugins, put everything together. Does no I/O but reading the file and importing.

    :param config: the configuration file; ``None``: the one that ``ICTCORE_CONFIG`` names, or ``etc/ictcore.conf``.
    :param flags: ``section.name`` -> value, winning over everything else; ``None`` values are skipped.
    :param variables: the environment; default: the process's own.
    :param found: plugins instead of the installed ones; for tests.
    :raises InvalidInput: settings that do not fit; every one is named.
    """
    known = os.environ if variables is None else variables
    file = configuration_file(config or known.get("ICTCORE_CONFIG"))
    sources: dict[str, Any] = {"file": file, "environment": environment(known), "flags": flags}
    # Twice: which plugins are loaded is a setting, and what settings there are the plugins tell.
    first = LoadedSettings(core_settings(), **sources)
    manager = PluginManager(blocked=first["plugins.blocked"], trace=first["plugins.trace"], found=found)
    settings = LoadedSettings(manager.declare_settings(core_settings()), **sources)
    for name in settings.unknown:
        log.warning("setting %s is not known: nobody reads it", name)
    home = Path(settings["core.home"]).absolute()
    store = Store(settings["database.url"] or f"sqlite:///{home}/ictcore.db", durable=settings["database.durable"])
    registry = manager.configure(settings)
    return Runtime(settings, manager, store, System(store, registry, settings, home, plugins=manager), file)


def quarantined(registry: Registry) -> Sequence[str]:
    """One sentence per plugin that could not be loaded."""
    return [f"{info.name}: {info.error}" for info in registry.plugins if info.state == "quarantined"]


def wsgi(config: str | None = None, flags: Mapping[str, Any] | None = None) -> WsgiApp:
    """The API as a WSGI application, for any WSGI server. Call it in the process that serves, after it has forked."""
    return create(load_runtime(config, flags).system)
