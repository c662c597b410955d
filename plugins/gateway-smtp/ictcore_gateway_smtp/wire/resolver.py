"""Names to addresses, away from the loop's thread."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

from ictcore_gateway_smtp.wire.connection import Address

Found = Callable[[Sequence[Address], str], None]
"""Called with the addresses and ``""``, or with none and what went wrong."""


def numeric(host: str, port: int) -> Sequence[Address]:
    """The address that ``host`` is, when it is written as numbers; else none."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return ()
    return ((socket.AF_INET if version == 4 else socket.AF_INET6, (host, port)),)


def resolve(host: str, port: int, found: Found) -> None:
    """Look ``host`` up in a thread of its own and call ``found`` from there; does not block."""
    threading.Thread(target=_look_up, args=(host, port, found), name="smtp-resolver", daemon=True).start()


def _look_up(host: str, port: int, found: Found) -> None:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        found((), f"the name {host} cannot be resolved: {getattr(error, 'strerror', None) or error}")
        return
    addresses: list[Address] = []
    for family, _, _, _, address in rows:
        if family in (socket.AF_INET, socket.AF_INET6):
            item = (family, (str(address[0]), int(address[1])))
            if item not in addresses:
                addresses.append(item)
    found(addresses, "" if addresses else f"the name {host} has no address")
