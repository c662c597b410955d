"""Why an attempt ended as it did: the neutral words, the same for every gateway.

Gateways map their vendor's codes to these in one table of their own and keep the original as ``vendor_code``.
"""

from __future__ import annotations

NORMAL = "normal"
"""It went as it should."""
HANDED_OVER = "handed_over"
"""The next server took it and no confirmation was asked for; a later bounce can still turn it into a failure."""
BUSY = "busy"
"""The called side is busy."""
NO_ANSWER = "no_answer"
"""It rang, or was offered, and nobody took it."""
UNREACHABLE = "unreachable"
"""The called side is switched off, absent, or out of coverage."""
CONGESTION = "congestion"
"""The network or the switch had no room."""
TEMPORARY = "temporary"
"""The far side said: try later."""
REJECTED = "rejected"
"""The far side refused it."""
UNALLOCATED = "unallocated"
"""The number or mailbox does not exist."""
INVALID_ADDRESS = "invalid_address"
"""The address cannot be one of this service."""
CONTENT = "content"
"""The content was refused (too large, spam, wrong format)."""
EXPIRED = "expired"
"""It was not delivered within its validity."""
FORBIDDEN = "forbidden"
"""We may not use this route, or the account is barred there."""
NO_PROVIDER = "no_provider"
"""No provider can carry it."""
MISCONFIGURED = "misconfigured"
"""The provider's settings are wrong."""
PROTOCOL = "protocol"
"""The far side broke the protocol."""
CANCELLED = "cancelled"
"""Somebody cancelled it."""
UNCERTAIN = "uncertain"
"""It left, and what became of it could not be learnt."""
PROGRAM = "program"
"""The program ran and did not reach its goal."""
INTERNAL = "internal"
"""A fault of our own."""

ALL: frozenset[str] = frozenset(
    {
        NORMAL, HANDED_OVER, BUSY, NO_ANSWER, UNREACHABLE, CONGESTION, TEMPORARY, REJECTED, UNALLOCATED,
        INVALID_ADDRESS, CONTENT, EXPIRED, FORBIDDEN, NO_PROVIDER, MISCONFIGURED, PROTOCOL, CANCELLED, UNCERTAIN,
        PROGRAM, INTERNAL,
    }
)  # fmt: skip
