"""What is registered: settings, the gateway type ``simulator``, a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from ictcore.spec import (
    FLAGS,
    Capability,
    Gateway,
    GatewayContext,
    GatewayType,
    ProviderType,
    Runtime,
    Setting,
    Settings,
    hookimpl,
)
from ictcore_gateway_simulator.commands import simulate_inbound
from ictcore_gateway_simulator.convert import NAME
from ictcore_gateway_simulator.gateway import SimulatorGateway

_DAY = 86400.0

SETTINGS = [
    Setting(NAME, "delay", float, 0.2, "Time until the report.", unit="seconds", minimum=0.0, maximum=_DAY),
    Setting(NAME, "late", float, 5.0, "Time until a late report.", unit="seconds", minimum=0.0, maximum=_DAY),
    Setting(
        NAME, "jitter", float, 0.0, "Each report comes later by up to this.", unit="seconds", minimum=0.0, maximum=_DAY
    ),
    Setting(
        NAME, "failure_rate", float, 0.0, "Share of attempts that fail by chance: temporary.", minimum=0.0, maximum=1.0
    ),
    Setting(NAME, "seed", int, 0, "Makes chance repeat itself; 0: it does not."),
    Setting(NAME, "capacity", int, 20_000, "Attempts that may be under way at once.", minimum=1.0),
    Setting(
        NAME, "digit", str, "1", "What a called person presses at every menu, unless the number chooses.",
        choices=tuple("0123456789*#"),
    ),
    Setting(
        NAME, "answered_by", str, "human", "Who answers a call, unless the number chooses.",
        choices=("human", "machine"),
    ),
    Setting(
        NAME, "journal", str, "", "File to which every attempt that leaves is appended, with its text, before it is"
        " reported; empty: none.",
    ),
]  # fmt: skip


class SimulatorSettings(msgspec.Struct, frozen=True):
    """What a provider of type ``simulator`` has beside the fields that every provider has.

    :ivar outcome: name of the outcome of every attempt by this provider, whatever the address; ``""``: the address
        chooses.
    """

    outcome: str = ""


class SimulatorType(GatewayType):
    """The gateway type ``simulator``."""

    name = NAME
    flag = 0
    capabilities = frozenset(Capability(service, verb) for service in FLAGS for verb in ("send", "receive", "report"))
    provider_types = (
        ProviderType(NAME, frozenset(FLAGS), SimulatorSettings, help="Carries every service, and only pretends to."),
    )
    reports_survive = False

    def create(self, context: GatewayContext) -> Gateway:
        """A gateway that has not started."""
        return SimulatorGateway(context)

    def default_providers(self, settings: Settings) -> Sequence[Mapping[str, Any]]:
        """One provider for all services, so that a new system delivers at once."""
        return (
            {
                "name": NAME,
                "type": NAME,
                "service_flag": sum(FLAGS.values()),
                "description": "Pretends to deliver. Delete it once a real provider is set up.",
                "active": 1,
            },
        )


class SimulatorPlugin:
    """What the entry point names."""

    @hookimpl
    def ictcore_register_settings(self) -> Sequence[Setting]:
        """The section ``simulator``."""
        return SETTINGS

    @hookimpl
    def ictcore_register_gateways(self) -> Sequence[GatewayType]:
        """The gateway type."""
        return [SimulatorType()]

    @hookimpl
    def ictcore_register_commands(self, runtime: Runtime) -> Sequence[click.Command]:
        """``ictcore simulate-inbound``."""
        return [simulate_inbound(runtime)]


plugin = SimulatorPlugin()
