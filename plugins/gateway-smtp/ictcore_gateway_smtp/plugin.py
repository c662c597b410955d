"""The plugin's hooks: wiring only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ictcore.spec import EMAIL, Capability, Gateway, GatewayContext, ProviderType, Runtime, Setting, Settings, hookimpl
from ictcore_gateway_smtp.gateway import SmtpGateway
from ictcore_gateway_smtp.mail_in import command
from ictcore_gateway_smtp.provider import PROVIDER_TYPE
from ictcore_gateway_smtp.settings import SECTION, SETTINGS


class SmtpGatewayType:
    """E-mail by SMTP; ICTCore's gateway flag 4."""

    name: str = SECTION
    flag: int = 4
    capabilities: frozenset[Capability] = frozenset(Capability(EMAIL, verb) for verb in ("send", "receive", "report"))
    provider_types: Sequence[ProviderType] = (PROVIDER_TYPE,)
    reports_survive: bool = True

    def create(self, context: GatewayContext) -> Gateway:
        """A new gateway that has not started. Does no I/O."""
        return SmtpGateway(context)

    def default_providers(self, settings: Settings) -> Sequence[Mapping[str, Any]]:
        """None: which mail server takes our messages, only the operator knows."""
        return ()


@hookimpl
def ictcore_register_settings() -> Sequence[Setting]:
    return SETTINGS


@hookimpl
def ictcore_register_gateways() -> Sequence[SmtpGatewayType]:
    return (SmtpGatewayType(),)


@hookimpl
def ictcore_register_commands(runtime: Runtime) -> Sequence[click.Command]:
    return (command(runtime),)
