"""The plugin: its settings and its gateway type. Wiring only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from ictcore_gateway_kannel.config import SECTION, SETTINGS
from ictcore_gateway_kannel.gateway import KannelGateway
from ictcore_gateway_kannel.providers import TYPES


class KannelType:
    """The gateway type ``kannel``."""

    name: str = SECTION
    flag: int = 2
    capabilities: frozenset[Capability] = frozenset(
        {Capability(SMS, "send"), Capability(SMS, "receive"), Capability(SMS, "report")}
    )
    provider_types: Sequence[ProviderType] = TYPES
    reports_survive: bool = True
    """Kannel keeps reports and inbound messages until we are back."""

    def create(self, context: GatewayContext) -> Gateway:
        """A new gateway that has not started.

        :raises GatewayMisconfigured: its settings are wrong.
        """
        return KannelGateway(context)

    def default_providers(self, settings: Settings) -> Sequence[Mapping[str, Any]]:
        """None: an operator says which links there are."""
        return ()


@hookimpl
def ictcore_register_settings() -> Sequence[Setting]:
    """The section ``kannel``."""
    return SETTINGS


@hookimpl
def ictcore_register_gateways() -> Sequence[GatewayType]:
    """The gateway type ``kannel``."""
    return (KannelType(),)
