"""What is registered: the settings and the gateway type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ictcore.spec import (
    SMS,
    Capability,
    Gateway,
    GatewayContext,
    GatewayType,
    ProviderType,
    Setting,
    Settings,
    hookimpl,
)
from ictcore_gateway_example.gateway import ExampleGateway

SETTINGS = [
    Setting("example", "timeout", float, 10.0, "How long the carrier's answer is waited for.", unit="seconds"),
    Setting("example", "listen_port", int, 0, "Port for the carrier's reports and inbound texts; 0: none."),
    Setting("example", "listen_host", str, "127.0.0.1", "Address of the interface for them."),
    Setting("example", "token", str, "", "What the carrier shows us to prove that it is the carrier.", secret=True),
    Setting(
        "example", "commit_timeout", float, 5.0, "How long the carrier waits until we have kept it.", unit="seconds"
    ),
]


class ExampleSettings(msgspec.Struct, frozen=True):
    """What a provider of type ``example`` has beside the fields that every provider has."""

    path: str = "/messages"


class ExampleType(GatewayType):
    """The gateway type ``example``."""

    name = "example"
    flag = 0
    capabilities = frozenset({Capability(SMS, "send"), Capability(SMS, "report"), Capability(SMS, "receive")})
    provider_types = (
        ProviderType("example", frozenset({SMS}), ExampleSettings, required=frozenset({"host", "port", "password"})),
    )
    reports_survive = True

    def create(self, context: GatewayContext) -> Gateway:
        """A gateway that has not started."""
        return ExampleGateway(context)

    def default_providers(self, settings: Settings) -> Sequence[Mapping[str, Any]]:
        """None: nobody has an account at the carrier by default."""
        return ()


class ExamplePlugin:
    """What the entry point names."""

    @hookimpl
    def ictcore_register_settings(self) -> Sequence[Setting]:
        """The section ``example``."""
        return SETTINGS

    @hookimpl
    def ictcore_register_gateways(self) -> Sequence[GatewayType]:
        """The gateway type."""
        return [ExampleType()]


plugin = ExamplePlugin()
