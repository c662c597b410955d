"""A provider as a group of Kannel's configuration. Pure: text in, text out; every value is checked and quoted.

Kannel 1.4.5 reads a file line by line: ``key = "value"``, with a backslash before a quote and a backslash. A line that
holds the letters ``include`` anywhere is taken for an include directive, whatever its key, so no value may hold them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from ictcore.spec import GatewayMisconfigured, Trunk
from ictcore_gateway_kannel.providers import EXTRA_KEYS, Http, Smpp

_VALUE: Final = re.compile(r"[\x20-\x7e]{0,2000}")
_KEY: Final = re.compile(r"[a-z][a-z-]{1,40}")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:_-]{0,252}[A-Za-z0-9])?")
_URL: Final = re.compile(r"https?://[^\s/?#]+(/\S*)?")

Value = str | int | float | bool


def render(trunk: Trunk, settings: Smpp | Http, smsc_id: str) -> str:
    """The text of the provider's file.

    :raises GatewayMisconfigured: a value cannot be written; the message names the field.
    """
    pairs = _smpp(trunk, settings) if isinstance(settings, Smpp) else _http(trunk, settings)
    keys: dict[str, Value] = {
        "smsc-id": smsc_id,
        "smsc-admin-id": smsc_id,
        "allowed-smsc-id": smsc_id,  # else Kannel sends other providers' messages by it, too
        **pairs,
    }
    for key, value in settings.extra.items():
        if key not in EXTRA_KEYS:
            raise GatewayMisconfigured(f"settings.extra: {key!r} is not a key that may be set")
        keys[key] = value
    text = "# Written by ICTCore; changes made here are lost.\n"
    if not isinstance(settings, Smpp):
        return text + _group("http", keys)
    text += _group("smpp", keys)
    if not settings.transceiver_mode:
        # A group of Kannel has either a port to send by or one to receive by. What is sent must not go by the second.
        keys = {**keys, "allowed-smsc-id": f"{smsc_id}-receive-only", "receive-port": keys["port"]}
        del keys["port"]
        text += "\n" + _group("smpp", keys)
    return text


def _group(kind: str, keys: Mapping[str, Value]) -> str:
    lines = ["group = smsc", f"smsc = {kind}", *(_line(key, value) for key, value in keys.items())]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Value) -> str:
    if not _KEY.fullmatch(key):
        raise GatewayMisconfigured(f"{key!r} is not a key of Kannel")
    if isinstance(value, bool):
        return f"{key} = {'true' if value else 'false'}"
    if isinstance(value, (int, float)):
        return f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}"
    if not _VALUE.fullmatch(value):
        raise GatewayMisconfigured(f"{key} holds what is not printable ASCII, or is longer than 2000 letters")
    if "include" in value:
        raise GatewayMisconfigured(f"{key} holds the word 'include', which Kannel takes for a directive")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key} = "{escaped}"'


def _endpoint(trunk: Trunk, default_port: int) -> tuple[str, int]:
    if not _HOST.fullmatch(trunk.host):
        raise GatewayMisconfigured("host is no host name or address")
    port = trunk.port or default_port
    if not 1 <= port <= 65535:
        raise GatewayMisconfigured("port must be from 1 to 65535")
    return trunk.host, port


def _given(pairs: Mapping[str, Value | None]) -> dict[str, Value]:
    return {key: value for key, value in pairs.items() if value is not None and value != ""}


def _smpp(trunk: Trunk, settings: Smpp) -> dict[str, Value]:
    host, port = _endpoint(trunk, 2775)
    for name, value, most in (("username", trunk.username, 15), ("password", trunk.password, 64)):
        if not 1 <= len(value) <= most:  # SMPP 3.4 allows 8 octets of password; many servers take more
            raise GatewayMisconfigured(f"{name} must have 1 to {most} letters")
    return {
        "host": host,
        "port": port,
        "smsc-username": trunk.username,
        "smsc-password": trunk.password,
        "system-type": settings.system_type,  # Kannel wants it, if only empty
        "transceiver-mode": settings.transceiver_mode,
        **_given(
            {
                "interface-version": settings.interface_version,
                "source-addr-ton": settings.source_addr_ton,
                "source-addr-npi": settings.source_addr_npi,
                "source-addr-autodetect": settings.source_addr_autodetect,
                "dest-addr-ton": settings.dest_addr_ton,
                "dest-addr-npi": settings.dest_addr_npi,
                "bind-addr-ton": settings.bind_addr_ton,
                "bind-addr-npi": settings.bind_addr_npi,
                "address-range": settings.address_range,
                "max-pending-submits": settings.max_pending_submits,
                "throughput": settings.throughput,
                "reconnect-delay": settings.reconnect_delay,
                "enquire-link-interval": settings.enquire_link_interval,
                "msg-id-type": settings.msg_id_type,
                "alt-charset": settings.alt_charset,
            }
        ),
    }


def _http(trunk: Trunk, settings: Http) -> dict[str, Value]:
    url = settings.send_url
    if not url:
        raise GatewayMisconfigured("settings.send_url is empty")
    if re.search(r"\{(host|port)\}", url):
        host, port = _endpoint(trunk, 80)
        url = url.replace("{host}", f"[{host}]" if ":" in host else host).replace("{port}", str(port))
    # A percent sign begins one of Kannel's own escapes in this template; %% stands for itself.
    for name, value in (("{username}", trunk.username), ("{password}", trunk.password)):
        url = url.replace(name, quote(value, safe="").replace("%", "%%"))
    if not _URL.fullmatch(url):
        raise GatewayMisconfigured("settings.send_url is no http address")
    return {
        "system-type": settings.system_type,
        "send-url": url,
        "port": settings.receive_port,
        "connect-allow-ip": settings.connect_allow_ip,
        **_given(
            {
                "smsc-username": trunk.username,
                "smsc-password": trunk.password,
                "status-success-regex": settings.status_success_regex,
                "status-permfail-regex": settings.status_permfail_regex,
                "status-tempfail-regex": settings.status_tempfail_regex,
                "generic-foreign-id-regex": settings.generic_foreign_id_regex,
                "max-pending-submits": settings.max_pending_submits,
                "throughput": settings.throughput,
                "no-sep": settings.no_sep,
            }
        ),
    }
