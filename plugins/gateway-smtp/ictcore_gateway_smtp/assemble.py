"""From a provider's row to the pool that serves it."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable
from typing import Final

from ictcore.spec import Event, GatewayContext, GatewayMisconfigured, Settings, Trunk
from ictcore_gateway_smtp.addresses import BadAddress, wire_address
from ictcore_gateway_smtp.compose import Composer
from ictcore_gateway_smtp.provider import PROVIDER_TYPE, SmtpProvider, provider_settings
from ictcore_gateway_smtp.wire.handshake import Options
from ictcore_gateway_smtp.wire.loop import Loop
from ictcore_gateway_smtp.wire.pool import Pool

_HELO: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,250})|\[[0-9A-Za-z:.]{3,60}\]")
_LONGEST_BASE: Final = 64 - 1 - 36
"""What is left of a local part beside ``+`` and an attempt's id."""


def build_pool(trunk: Trunk, context: GatewayContext, loop: Loop, report: Callable[[Event], None]) -> Pool:
    """The pool for ``trunk``, not connected. Reads certificate files; no other I/O.

    :raises GatewayMisconfigured: a setting of the provider is wrong; the message names it, never a secret.
    """
    settings = provider_settings(trunk)
    if "\0" in trunk.username + trunk.password:
        raise GatewayMisconfigured(f"provider {trunk.name}: username and password cannot have a NUL")
    base = bounce_base(settings, context.settings)
    for what, address in (("sender", settings.sender), ("bounce address", base)):
        try:
            if address:
                wire_address(address)
        except BadAddress as error:
            raise GatewayMisconfigured(f"provider {trunk.name}: {what}: {error}") from None
    if len(base.partition("@")[0]) > _LONGEST_BASE:
        raise GatewayMisconfigured(f"provider {trunk.name}: the bounce address is too long")
    composer = Composer(context.media_path, sender=settings.sender, bounce_base=base, reports=settings.reports)
    return Pool(
        host=trunk.host,
        port=trunk.port or PROVIDER_TYPE.port,
        settings=settings,
        options=_options(trunk, settings),
        tls=_tls(trunk, settings),
        make=composer,
        loop=loop,
        report=report,
    )


def bounce_base(settings: SmtpProvider, all_settings: Settings) -> str:
    """The envelope sender without the attempt's id; ``""`` when bounces go to the sender's own address."""
    if settings.bounce_address:
        return settings.bounce_address
    domain = all_settings["smtp.bounce_domain"]
    return f"bounce@{domain}" if domain else ""


def _options(trunk: Trunk, settings: SmtpProvider) -> Options:
    helo = settings.helo or socket.gethostname()
    if not _HELO.fullmatch(helo):
        raise GatewayMisconfigured(f"provider {trunk.name}: helo is no host name")
    return Options(
        helo=helo,
        tls=settings.tls,
        username=trunk.username,
        password=trunk.password,
        clear_password=_on_this_machine(trunk.host),
        pipelining=settings.pipelining == "auto",
        limit=settings.messages_per_connection,
    )


def _tls(trunk: Trunk, settings: SmtpProvider) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise GatewayMisconfigured(f"provider {trunk.name}: ca_file cannot be used: {reason}") from None
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
