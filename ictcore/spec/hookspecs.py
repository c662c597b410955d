"""The hooks. ``register`` hooks are called once at start and return objects; the core calls those objects directly.

A plugin implements a hook by a function of the same name marked with :data:`hookimpl`; it may leave out parameters
that it does not need. A hook that fails disables its own plugin and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from ictcore.domain.event import Event
    from ictcore.spec.dialect import Dialect
    from ictcore.spec.gateway import GatewayType, Health
    from ictcore.spec.program import ProgramType
    from ictcore.spec.runtime import Runtime
    from ictcore.spec.service import ServiceType
    from ictcore.spec.settings import Setting, Settings

PROJECT = "ictcore"
ENTRY_POINT_GROUP = "ictcore"
"""The entry-point group in which plugins are found."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook with the same name."""


@hookspec
def ictcore_register_settings() -> Sequence[Setting]:  # type: ignore[empty-body]
    """Return the settings that the plugin reads.

    The first hook to be called, before any setting has a value. A key that another plugin has declared already disables
    the later plugin. The section should be the plugin's own.
    """


@hookspec
def ictcore_configure(settings: Settings) -> None:
    """Take the settings, once they are known and before any other ``register`` hook is called.

    :param settings: every declared setting with its value.
    """


@hookspec
def ictcore_register_services() -> Sequence[ServiceType]:  # type: ignore[empty-body]
    """Return the services that the plugin adds. Two plugins cannot add a service of the same name or flag."""


@hookspec
def ictcore_register_gateways() -> Sequence[GatewayType]:  # type: ignore[empty-body]
    """Return the gateway types that the plugin adds. Names and provider types are unique among all plugins."""


@hookspec
def ictcore_register_programs() -> Sequence[ProgramType]:  # type: ignore[empty-body]
    """Return the program types that the plugin adds. Names are unique among all plugins."""


@hookspec
def ictcore_register_dialects() -> Sequence[Dialect]:  # type: ignore[empty-body]
    """Return the API dialects that the plugin adds. Each is mounted under a path prefix of its own."""


@hookspec
def ictcore_register_commands(runtime: Runtime) -> Sequence[click.Command]:  # type: ignore[empty-body]
    """Return commands for the command line; they appear as ``ictcore NAME``.

    :param runtime: opened lazily: nothing is connected until the command uses it.
    """


@hookspec
def ictcore_health(settings: Settings) -> Sequence[Health]:  # type: ignore[empty-body]
    """Return how the plugin's own dependencies are (gateways report through their own ``health()`` instead).

    Called for each ``GET /health``, in the API process. Must answer within a second and must not raise.

    :param settings: every declared setting with its value.
    """


@hookspec
def ictcore_events_committed(events: Sequence[Event]) -> None:
    """Hear of events after they are committed, in the process that committed them; at most once, best effort.

    For metrics and notifications; what must not be missed belongs in the database. Called plugin by plugin: an error is
    logged and stops no other plugin. Must not block.

    :param events: one batch, in the order in which they were applied.
    """


HOOKS: dict[str, Any] = {
    name: value for name, value in list(globals().items()) if name.startswith("ictcore_") and callable(value)
}
"""Name -> specification of every hook."""
