"""The types of providers that a Kannel can have, and what can be set for each."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from ictcore.spec import SMS, ProviderType

Word = Annotated[str, Meta(max_length=64, pattern=r"\A[\x20-\x7e]*\Z")]
Line = Annotated[str, Meta(max_length=2000, pattern=r"\A[\x20-\x7e]*\Z")]
Ton = Annotated[int, Meta(ge=0, le=6)]
Npi = Annotated[int, Meta(ge=0, le=18)]


class Common(Struct, kw_only=True, forbid_unknown_fields=True):
    """What every provider of this gateway has.

    :ivar reports: whether the far side sends delivery reports. ``false``: a message is delivered when Kannel has it.
    :ivar relay_reports: also ask to be told when the SMSC has taken a message: one more report for each.
    :ivar mclass: message class 0 to 3 (0 is a flash message), ``None`` for none.
    """

    reports: bool = True
    relay_reports: bool = False
    mclass: Annotated[int, Meta(ge=0, le=3)] | None = None


class Link(Common, kw_only=True, forbid_unknown_fields=True):
    """A link that is already in kannel.conf.

    :ivar smsc_id: its ``smsc-id``; ``""``: the provider's name.
    """

    smsc_id: Word = ""


class Smpp(Common, kw_only=True, forbid_unknown_fields=True):
    """An SMPP 3.4 account; the fields are named as Kannel's keys, and ``None`` leaves a key out.

    :ivar system_type: as agreed with the provider.
    :ivar transceiver_mode: one connection for both directions.
    :ivar max_pending_submits: messages without an answer on the link.
    :ivar throughput: messages per second, ``None`` for no limit.
    :ivar extra: further keys of Kannel's ``smsc`` group from :data:`EXTRA_KEYS`.
    """

    system_type: Annotated[str, Meta(max_length=12, pattern=r"\A[\x20-\x7e]*\Z")] = ""
    transceiver_mode: bool = True
    interface_version: Annotated[str, Meta(pattern=r"\A(33|34|50)\Z")] = "34"
    source_addr_ton: Ton | None = None
    source_addr_npi: Npi | None = None
    source_addr_autodetect: bool | None = None
    dest_addr_ton: Ton | None = None
    dest_addr_npi: Npi | None = None
    bind_addr_ton: Ton | None = None
    bind_addr_npi: Npi | None = None
    address_range: Word = ""
    max_pending_submits: Annotated[int, Meta(ge=1, le=10_000)] = 100
    throughput: Annotated[float, Meta(gt=0)] | None = None
    reconnect_delay: Annotated[int, Meta(ge=1, le=3600)] | None = None
    enquire_link_interval: Annotated[int, Meta(ge=1, le=3600)] | None = None
    msg_id_type: Annotated[int, Meta(ge=0, le=3)] | None = None
    alt_charset: Word = ""
    extra: dict[str, Line] = field(default_factory=dict)


class Http(Common, kw_only=True, forbid_unknown_fields=True):
    """A provider with an HTTP API of its own, by Kannel's generic HTTP link.

    :ivar send_url: template with Kannel's escapes (``%P`` receiver, ``%p`` sender, ``%b`` text …), and with ``{host}``,
        ``{port}``, ``{username}`` and ``{password}`` for those of the provider.
    :ivar status_success_regex: what a good answer's body looks like; likewise the other two.
    :ivar receive_port: port on which Kannel takes this provider's inbound messages and reports.
    """

    system_type: Annotated[str, Meta(pattern=r"\A(generic|kannel|clickatell|xidris|wapme|brunet)\Z")] = "generic"
    send_url: Line = ""
    status_success_regex: Line = ""
    status_permfail_regex: Line = ""
    status_tempfail_regex: Line = ""
    generic_foreign_id_regex: Line = ""
    receive_port: Annotated[int, Meta(ge=1, le=65535)] = 13020
    connect_allow_ip: Word = "127.0.0.1"
    max_pending_submits: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    throughput: Annotated[float, Meta(gt=0)] | None = None
    no_sep: bool | None = None
    extra: dict[str, Line] = field(default_factory=dict)


EXTRA_KEYS: Final = frozenset(
    {
        "allowed-prefix", "alt-addr-charset", "alt-dcs", "connection-timeout", "denied-prefix", "dlr-url",
        "esm-class", "generic-message-sent", "generic-param-account", "generic-param-binfo", "generic-param-coding",
        "generic-param-deferred", "generic-param-dlr-err", "generic-param-dlr-mask", "generic-param-dlr-mid",
        "generic-param-dlr-url", "generic-param-flash", "generic-param-from", "generic-param-mclass",
        "generic-param-mwi", "generic-param-password", "generic-param-service", "generic-param-text",
        "generic-param-to", "generic-param-udh", "generic-param-username", "generic-param-validity",
        "generic-status-error", "generic-status-sent", "idle-timeout", "keepalive", "max-error-count",
        "max-sms-octets", "no-dlr", "no-sender", "our-host", "preferred-prefix", "priority", "service-type",
        "unified-prefix", "use-ssl", "validityperiod", "wait-ack", "wait-ack-expire", "window",
    }
)  # fmt: skip
"""Keys of Kannel's ``smsc`` group that ``extra`` may hold. None of them names a file or another link."""

LINK: Final = "link"
SMPP: Final = "smpp"
HTTP: Final = "http"

TYPES: Final = (
    ProviderType(
        LINK, frozenset({SMS}), Link, help="A link that kannel.conf already has; messages are routed by its smsc-id."
    ),
    ProviderType(
        SMPP,
        frozenset({SMS}),
        Smpp,
        port=2775,
        required=frozenset({"host", "username", "password"}),
        help="An SMPP account; written as Kannel configuration and loaded.",
    ),
    ProviderType(
        HTTP,
        frozenset({SMS}),
        Http,
        port=80,
        help="A provider with an HTTP API; written as Kannel configuration (generic HTTP link) and loaded.",
    ),
)
