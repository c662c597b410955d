"""How an attempt's id travels with its message and comes back: in the Message-ID, the envelope sender and ENVID."""

from __future__ import annotations

import re
from typing import Final

_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MESSAGE_ID: Final = re.compile(rf"<({_UUID})@[^<>\s]{{1,255}}>")
_EXTENSION: Final = re.compile(rf"[+=\-]({_UUID})@", re.I)
_ONLY: Final = re.compile(_UUID, re.I)


def message_id(attempt_id: str, domain: str) -> str:
    """The Message-ID of an attempt's message: ``<attempt-id@domain>``."""
    return f"<{attempt_id}@{domain}>"


def bounce_address(attempt_id: str, base: str) -> str:
    """The envelope sender of an attempt: ``local+attempt-id@domain`` for the base ``local@domain``."""
    local, _, domain = base.rpartition("@")
    return f"{local}+{attempt_id}@{domain}"


def attempt_of_bounce_address(address: str) -> str:
    """The id of the attempt whose envelope sender ``address`` is, ``""`` when it is none.

    Any address with an id as its extension counts: which ones are delivered to us is the mail server's affair, and an
    id that we never gave out is nobody's.
    """
    match = _EXTENSION.search(address)
    return "" if match is None else match[1].lower()


def attempt_of_message_id(text: str) -> str:
    """The id of the attempt whose Message-ID occurs in ``text``, ``""`` when there is none."""
    match = _MESSAGE_ID.search(text.lower())
    return "" if match is None else match[1]


def attempt_of_envelope_id(text: str) -> str:
    """The attempt's id when ``text`` is one (the ENVID of RFC 3461), else ``""``."""
    return text.strip().lower() if _ONLY.fullmatch(text.strip()) else ""
