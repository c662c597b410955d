"""Whether a request comes from the machine itself: whoever is there can read more than any answer tells."""

from __future__ import annotations

import ipaddress

import falcon

_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def from_this_machine(request: falcon.Request) -> bool:
    """Whether it was sent over the loopback interface, and not by a proxy there on behalf of somebody else."""
    if any(request.get_header(name) for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
