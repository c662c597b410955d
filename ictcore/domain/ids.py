"""Correlation ids: made before anything is sent, and sent along with it."""

from __future__ import annotations

import secrets
import time


def new_attempt_id() -> str:
    """A fresh UUID version 7 as its 36 characters (RFC 9562, section 5.7).

    Version 7 begins with the time in milliseconds, so that ids made one after the other lie side by side in an index.
    """
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(secrets.token_bytes(10), "big")
    return format_uuid7(milliseconds, noise)


def format_uuid7(milliseconds: int, noise: int) -> str:
    """The UUID of a time in milliseconds since 1970 and 74 bits of ``noise`` (higher bits are dropped)."""
    high = (milliseconds & 0xFFFFFFFFFFFF) << 16 | 0x7000 | (noise >> 62) & 0x0FFF
    low = 0x8000000000000000 | noise & 0x3FFFFFFFFFFFFFFF
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
