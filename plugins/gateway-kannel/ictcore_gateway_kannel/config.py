"""The settings of the section ``kannel``, and the checks that need more than one of them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ictcore.spec import GatewayMisconfigured, Setting, Settings

SECTION: Final = "kannel"
BOX: Final = "box"
HTTP: Final = "http"

WELL_KNOWN: Final = frozenset(
    {"", "admin", "bar", "change-me", "changeme", "foo", "foobar", "kannel", "pass", "password", "playsms", "secret",
     "smsbox", "status", "tester", "test", "1234", "12345", "123456"}
)  # fmt: skip
"""Passwords of sample configurations: whoever can reach the port knows them."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_PATH = re.compile(r"/[\x21-\x7e]*")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


def _setting(name: str, kind: type, default: object, help_: str, **more: object) -> Setting:
    return Setting(SECTION, name, kind, default, help_, **more)  # type: ignore[arg-type]


SETTINGS: Final = (
    _setting(
        "transport",
        str,
        BOX,
        "How messages go to Kannel: box (its own box protocol: one connection, fast) or http (sendsms requests).",
        choices=(BOX, HTTP),
    ),
    _setting("host", str, "127.0.0.1", "Where Kannel runs."),
    _setting("box_port", int, 13001, "Port for boxes (smsbox-port of bearerbox).", minimum=1, maximum=65535),
    _setting(
        "box_name",
        str,
        "ictcore",
        "Our name as a box. Reports come back to it; smsbox-route groups send inbound messages to it. Each node that "
        "shares a Kannel needs a name of its own.",
    ),
    _setting(
        "window",
        int,
        500,
        "How many messages may be under way at once (box).",
        unit="messages",
        minimum=1,
        maximum=100_000,
    ),
    _setting(
        "timeout",
        float,
        30.0,
        "How long Kannel may take to answer; after it a message is uncertain.",
        unit="seconds",
        minimum=0.1,
    ),
    _setting("heartbeat", float, 15.0, "Between two signs of life (box).", unit="seconds", minimum=0.1),
    _setting("sender", str, "ICTCore", "Sender of messages from accounts that have no number."),
    _setting("most_parts", int, 10, "Longest message that is sent.", unit="parts", minimum=1, maximum=255),
    _setting(
        "join_wait",
        float,
        300.0,
        "How long an inbound long message waits for its missing parts; then it is handed on as it is.",
        unit="seconds",
        minimum=0.1,
    ),
    _setting("sendsms_port", int, 13013, "Port of sendsms (smsbox).", minimum=1, maximum=65535),
    _setting("sendsms_path", str, "/cgi-bin/sendsms", "Path of sendsms."),
    _setting("username", str, "ictcore", "User of sendsms (http)."),
    _setting("password", str, "change-me", "Password of sendsms (http).", secret=True),
    _setting("connections", int, 128, "Keep-alive connections to sendsms (http).", minimum=1, maximum=1000),
    _setting(
        "listen_host",
        str,
        "127.0.0.1",
        "Address on which we take reports and inbound messages from smsbox (http).",
    ),
    _setting(
        "listen_port",
        int,
        13015,
        "Port for them; 0 takes any free port (then the callback URL follows it).",
        minimum=0,
        maximum=65535,
    ),
    _setting(
        "listen_url",
        str,
        "",
        "How smsbox reaches that port, such as http://10.0.0.5:13015; empty: made of listen_host and listen_port.",
    ),
    _setting(
        "callback_token",
        str,
        "",
        "Secret path segment of the callback URLs, so that strangers cannot forge reports; empty: made at the first "
        "start and kept in the gateway's folder.",
        secret=True,
    ),
    _setting("admin_port", int, 13000, "Admin port of bearerbox; 0: it is not used.", minimum=0, maximum=65535),
    _setting("admin_password", str, "change-me", "Its admin-password.", secret=True),
    _setting("status_password", str, "", "Its status-password; empty: the admin password is used.", secret=True),
    _setting(
        "status_interval", float, 5.0, "Between two looks at the state of the links.", unit="seconds", minimum=0.1
    ),
    _setting(
        "providers_folder",
        str,
        "",
        "Folder into which providers of type smpp and http are written; kannel.conf includes it. Empty: the folder "
        "providers in the gateway's own folder.",
    ),
    _setting("smsc_prefix", str, "ictcore", "Links that we write are called PREFIX-ID, ID being the provider's id."),
)
"""What the plugin declares. The defaults fit ``etc/kannel/kannel.conf``."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force, checked."""

    transport: str
    host: str
    box_port: int
    box_name: str
    window: int
    timeout: float
    heartbeat: float
    sender: str
    most_parts: int
    join_wait: float
    sendsms_port: int
    sendsms_path: str
    username: str
    password: str = field(repr=False)
    connections: int
    listen_host: str
    listen_port: int
    listen_url: str
    callback_token: str = field(repr=False)
    admin_port: int
    admin_password: str = field(repr=False)
    status_password: str = field(repr=False)
    status_interval: float
    providers_folder: Path
    smsc_prefix: str


def read(settings: Settings, home: Path) -> Config:
    """The configuration that ``settings`` describe.

    :param home: the gateway's own folder.
    :raises GatewayMisconfigured: a value is wrong, or a well-known password would guard a port that others can reach.
    """
    values = {setting.name: settings[setting.key] for setting in SETTINGS}
    for name in ("host", "listen_host", "listen_url", "username", "password", "admin_password", "status_password"):
        if _UNSAFE.search(values[name]):
            raise GatewayMisconfigured(f"{SECTION}.{name} holds control characters")
    for name in ("box_name", "smsc_prefix"):
        if not _NAME.fullmatch(values[name]):
            raise GatewayMisconfigured(f"{SECTION}.{name} must be letters, digits, '.', '_' and '-', at most 32")
    if not values["host"]:
        raise GatewayMisconfigured(f"{SECTION}.host is empty")
    if not _PATH.fullmatch(values["sendsms_path"]):
        raise GatewayMisconfigured(f"{SECTION}.sendsms_path must begin with / and hold no spaces")
    if values["callback_token"] and not re.fullmatch(r"[A-Za-z0-9_-]{16,128}", values["callback_token"]):
        raise GatewayMisconfigured(f"{SECTION}.callback_token must be 16 to 128 letters, digits, '_' and '-'")
    if values["listen_url"] and not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", values["listen_url"]):
        raise GatewayMisconfigured(f"{SECTION}.listen_url is no http address")
    if not loopback(values["host"]):
        _refuse_well_known(values)
    folder = values["providers_folder"]
    values["providers_folder"] = Path(folder) if folder else home / "providers"
    values["status_password"] = values["status_password"] or values["admin_password"]
    return Config(**values)


def _refuse_well_known(values: dict[str, object]) -> None:
    used = []
    if values["transport"] == HTTP:
        used.append("password")
    if values["admin_port"]:
        used.append("admin_password")
        if values["status_password"]:
            used.append("status_password")
    for name in used:
        if str(values[name]).lower() in WELL_KNOWN:
            raise GatewayMisconfigured(
                f"{SECTION}.{name} is a well-known password; it is accepted only for a Kannel on this machine"
            )


def loopback(host: str) -> bool:
    """Whether ``host`` is this machine itself, by its name or address alone."""
    if host.lower() in ("localhost", "ip6-localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
