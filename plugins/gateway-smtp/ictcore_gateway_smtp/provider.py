"""Settings of a provider of type ``smtp``: a mail server that takes our messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ictcore.spec import EMAIL, GatewayMisconfigured, ProviderType, Trunk

Count = Annotated[int, msgspec.Meta(ge=1, le=100)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class SmtpProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a provider's ``settings`` object may hold.

    :ivar tls: ``none``; ``starttls``: must be offered by the server; ``tls``: from the first byte (port 465).
    :ivar verify: check the server's certificate and name; turn off for tests only.
    :ivar ca_file: PEM file with the certificate authorities to trust, ``""`` for the system's.
    :ivar helo: the name we greet with, ``""`` for this machine's name.
    :ivar connections: most connections at once.
    :ivar pipelining: ``auto`` uses it where the server offers it (RFC 2920).
    :ivar messages_per_connection: after so many a connection is closed, ``0`` for no limit.
    :ivar sender: address that messages come from when the account has none.
    :ivar bounce_address: address that bounces go to; its local part gets ``+`` and the attempt's id, so the mail server
        must deliver ``local+anything`` to us. ``""``: the setting ``smtp.bounce_domain``, else the sender's address.
    :ivar reports: ask for delivery status notifications (RFC 3461) and wait for them; else the server's acceptance
        completes the message.
    :ivar connect_timeout: seconds for connecting, and for each answer until the connection is ready.
    :ivar command_timeout: seconds until a command must be answered (RFC 5321 section 4.5.3.2 asks for 5 minutes).
    :ivar data_timeout: seconds until the end of a message must be answered (there: 10 minutes).
    :ivar idle_timeout: seconds after which an unused connection is closed; the last one is kept.
    """

    tls: Literal["none", "starttls", "tls"] = "none"
    verify: bool = True
    ca_file: str = ""
    helo: str = ""
    connections: Count = 8
    pipelining: Literal["auto", "off"] = "auto"
    messages_per_connection: Annotated[int, msgspec.Meta(ge=0)] = 1000
    sender: str = ""
    bounce_address: str = ""
    reports: bool = False
    connect_timeout: Seconds = 30.0
    command_timeout: Seconds = 120.0
    data_timeout: Seconds = 600.0
    idle_timeout: Seconds = 30.0


PROVIDER_TYPE = ProviderType(
    name="smtp",
    services=frozenset({EMAIL}),
    settings=SmtpProvider,
    port=25,
    required=frozenset({"host"}),
    help="A mail server that takes messages by SMTP.",
)


def provider_settings(trunk: Trunk) -> SmtpProvider:
    """The typed settings of ``trunk``.

    :raises GatewayMisconfigured: a setting has a wrong name, type or value; the message names provider and setting.
    """
    if not trunk.host:
        raise GatewayMisconfigured(f"provider {trunk.name}: host is empty")
    values: dict[str, Any] = dict(trunk.settings)
    try:
        return msgspec.convert(values, SmtpProvider)
    except msgspec.ValidationError as error:
        raise GatewayMisconfigured(f"provider {trunk.name}: {error}") from None
