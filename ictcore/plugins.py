"""The plugin manager: loads entry points one by one, puts a broken plugin into quarantine, and goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

import pluggy

from ictcore.domain.errors import PluginError
from ictcore.spec import hookspecs
from ictcore.spec.dialect import Dialect
from ictcore.spec.gateway import GatewayType, ProviderType
from ictcore.spec.program import ProgramType
from ictcore.spec.service import ServiceType
from ictcore.spec.settings import Setting, Settings

log = logging.getLogger(__name__)


@dataclass
class PluginInfo:
    """One plugin, loaded or not.

    :ivar name: the name of its entry point.
    :ivar distribution: the distribution that it came with, and its ``version``.
    :ivar state: ``loaded``, ``blocked`` (by the settings) or ``quarantined`` (``error`` tells why).
    :ivar hooks: names of the hooks that it implements.
    """

    name: str
    distribution: str
    version: str
    state: str = "loaded"
    hooks: tuple[str, ...] = ()
    error: str = ""


@dataclass
class Registry:
    """What plugins have registered, by name. ``plugins`` has every plugin that was found."""

    plugins: list[PluginInfo] = field(default_factory=list)
    settings: dict[str, Setting] = field(default_factory=dict)
    services: dict[str, ServiceType] = field(default_factory=dict)
    gateways: dict[str, GatewayType] = field(default_factory=dict)
    programs: dict[str, ProgramType] = field(default_factory=dict)
    dialects: dict[str, Dialect] = field(default_factory=dict)

    def service_of(self, flag: int) -> ServiceType | None:
        """The service with this flag."""
        return next((service for service in self.services.values() if service.flag == flag), None)

    def provider_type(self, name: str) -> tuple[GatewayType, ProviderType] | None:
        """The gateway type that handles providers of type ``name``, and what it says of them."""
        for gateway in self.gateways.values():
            for provider_type in gateway.provider_types:
                if provider_type.name == name:
                    return gateway, provider_type
        return None


class PluginManager:
    """Finds and loads plugins.

    :param blocked: names of distributions or entry points that are not loaded.
    :param trace: log every hook call with its arguments and result.
    :param found: ``(entry point, distribution)`` pairs instead of the installed ones; for tests.
    """

    def __init__(
        self,
        *,
        blocked: Iterable[str] = (),
        trace: bool = False,
        found: Iterable[tuple[EntryPoint, Distribution | None]] | None = None,
    ) -> None:
        self.registry = Registry()
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._blocked = frozenset(blocked)
        self._infos: dict[str, PluginInfo] = {}
        self._added: dict[str, list[tuple[dict[str, Any], str]]] = {}
        if trace:
            self._trace()
        for entry_point, distribution in installed() if found is None else found:
            self._load(entry_point, distribution)

    def register(self, plugin: object, name: str, *, distribution: str = "", version: str = "") -> PluginInfo:
        """Register one plugin object; when it breaks the contract it is quarantined and its info tells why."""
        info = PluginInfo(name, distribution or name, version)
        self.registry.plugins.append(info)
        if name in self._infos:  # the first one stays as it is
            _mark(info, PluginError(f"a plugin called {name} is loaded already, from {self._infos[name].distribution}"))
            return info
        self._infos[name] = info
        try:
            self._manager.register(plugin, name)
            self._check(plugin)
        except Exception as error:
            self._quarantine(info, error)
            return info
        callers = self._manager.get_hookcallers(plugin) or []
        info.hooks = tuple(sorted(caller.name for caller in callers))
        return info

    def declare_settings(self, core: Sequence[Setting]) -> list[Setting]:
        """All declared settings: ``core`` and those of the plugins."""
        self.registry.settings = {setting.key: setting for setting in core}

        def take(info: PluginInfo, settings: Sequence[Setting]) -> None:
            taken = [setting.key for setting in settings if setting.key in self.registry.settings]
            if taken:
                raise PluginError(f"setting {taken[0]} is declared already")
            self._put(info, self.registry.settings, {setting.key: setting for setting in settings})

        self._each("ictcore_register_settings", take)
        return list(self.registry.settings.values())

    def configure(self, settings: Settings) -> Registry:
        """Give the plugins their settings and collect what they register."""
        self._each("ictcore_configure", lambda info, result: None, settings=settings)
        self._each("ictcore_register_services", self._take_services)
        self._each("ictcore_register_gateways", self._take_gateways)
        self._each("ictcore_register_programs", lambda info, found: self._add(info, self.registry.programs, found))
        self._each("ictcore_register_dialects", lambda info, found: self._add(info, self.registry.dialects, found))
        return self.registry

    def collect(self, hook: str, **arguments: Any) -> list[Any]:
        """All that the plugins return from a hook that returns lists; a plugin that fails is logged and left out."""
        collected: list[Any] = []
        for implementation in self._implementations(hook):
            try:
                collected.extend(self._call(hook, implementation, arguments) or ())
            except Exception:
                log.exception("plugin %s failed in %s", implementation.plugin_name, hook)
        return collected

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call a hook plugin by plugin; a plugin that fails is logged and stops no other."""
        self.collect(hook, **arguments)

    def implements(self, hook: str) -> bool:
        """Whether any plugin implements ``hook``."""
        return bool(self._implementations(hook))

    # -- inside -------------------------------------------------------------------------------------------------------

    def _load(self, entry_point: EntryPoint, distribution: Distribution | None) -> None:
        name = distribution.metadata["Name"] if distribution is not None else entry_point.name
        version = distribution.version if distribution is not None else ""
        if name in self._blocked or entry_point.name in self._blocked:
            self.registry.plugins.append(PluginInfo(entry_point.name, name, version, "blocked"))
            return
        try:
            plugin = entry_point.load()
        except (Exception, SystemExit) as error:
            info = PluginInfo(entry_point.name, name, version)
            self.registry.plugins.append(info)
            _mark(info, error)
            return
        self.register(plugin, entry_point.name, distribution=name, version=version)

    def _check(self, plugin: object) -> None:
        """A misspelt hook would be dead code without a word: refuse it (pluggy's ``check_pending``)."""
        self._manager.check_pending()

    def _quarantine(self, info: PluginInfo, error: Exception) -> None:
        """Take the plugin out, with everything that it has registered so far."""
        if self._manager.has_plugin(info.name):
            self._manager.unregister(name=info.name)
        for registered, key in self._added.pop(info.name, ()):
            registered.pop(key, None)
        _mark(info, error)

    def _each(self, hook: str, take: Callable[[PluginInfo, Any], None], **arguments: Any) -> None:
        for implementation in self._implementations(hook):
            info = self._infos[implementation.plugin_name]
            try:
                take(info, self._call(hook, implementation, arguments) or ())
            except Exception as error:
                self._quarantine(info, error)

    def _implementations(self, hook: str) -> list[Any]:
        return list(getattr(self._manager.hook, hook).get_hookimpls())

    def _call(self, hook: str, implementation: Any, arguments: Mapping[str, Any]) -> Any:
        """One plugin's hook, through pluggy, so that tracing and argument selection work as for all."""
        others = [plugin for _, plugin in self._manager.list_name_plugin() if plugin is not implementation.plugin]
        caller = self._manager.subset_hook_caller(hook, others)
        results = caller(**arguments)
        return results[0] if results else None

    def _take_services(self, info: PluginInfo, found: Sequence[ServiceType]) -> None:
        for service in found:
            if self.registry.service_of(service.flag) is not None:
                raise PluginError(f"a service with flag {service.flag} is registered already")
        self._add(info, self.registry.services, found)

    def _take_gateways(self, info: PluginInfo, found: Sequence[GatewayType]) -> None:
        for gateway in found:
            for provider_type in gateway.provider_types:
                if self.registry.provider_type(provider_type.name) is not None:
                    raise PluginError(f"provider type {provider_type.name} is registered already")
        self._add(info, self.registry.gateways, found)

    def _add(self, info: PluginInfo, registered: dict[str, Any], found: Sequence[Any]) -> None:
        """All of ``found`` by name, or none of it."""
        for item in found:
            if item.name in registered:
                raise PluginError(f"{item.name} is registered already")
        self._put(info, registered, {item.name: item for item in found})

    def _put(self, info: PluginInfo, registered: dict[str, Any], items: Mapping[str, Any]) -> None:
        registered.update(items)
        self._added.setdefault(info.name, []).extend((registered, key) for key in items)

    def _trace(self) -> None:
        def before(hook: str, implementations: Any, arguments: Mapping[str, Any]) -> None:
            names = [implementation.plugin_name for implementation in implementations]
            log.info("hook %s(%s) -> %s", hook, ", ".join(f"{k}={v!r}" for k, v in arguments.items()), names)

        def after(outcome: Any, hook: str, implementations: Any, arguments: Mapping[str, Any]) -> None:
            log.info("hook %s = %r", hook, outcome.exception or outcome.get_result())

        self._manager.add_hookcall_monitoring(before, after)


def _mark(info: PluginInfo, error: BaseException) -> None:
    info.state = "quarantined"
    info.error = f"{type(error).__name__}: {error}"
    log.error("plugin %s (%s %s) is disabled: %s", info.name, info.distribution, info.version, info.error)


def installed() -> list[tuple[EntryPoint, Distribution | None]]:
    """Every entry point of the group with its distribution, in a fixed order. Imports nothing."""
    found: dict[tuple[str, str], tuple[EntryPoint, Distribution | None]] = {}
    for distribution in distributions():
        for entry_point in distribution.entry_points:
            if entry_point.group == hookspecs.ENTRY_POINT_GROUP:
                found.setdefault((distribution.metadata["Name"], entry_point.name), (entry_point, distribution))
    return [found[key] for key in sorted(found)]
