"""E-mail addresses: what may stand in an SMTP command and in a header (RFC 5321 section 4.1.2, RFC 6531, RFC 5890)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import idna

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL: Final = re.compile(rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*")')
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_LITERAL: Final = re.compile(r"\[(?:[0-9.]{7,15}|IPv6:[0-9A-Fa-f:.]{2,45})\]")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN: Final = re.compile(rf"[A-Za-z0-9_+=-]+(?:\.[A-Za-z0-9_+=-]+)*@{_LABEL}(?:\.{_LABEL})*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class BadAddress(ValueError):
    """It cannot be an address of e-mail; the message says why."""


def wire_address(address: str) -> str:
    """``address`` as it stands on the wire: the domain in its ASCII form; a local part outside ASCII stays as it is.

    :raises BadAddress: it is none; nothing that this function returns holds a space outside quotes, ``<``, ``>``,
        or a control character.
    """
    if len(address) <= 254 and _PLAIN.fullmatch(address) and address.find("@") <= 64:
        return address
    return _wire_address(address)


@lru_cache(maxsize=1024)
def _wire_address(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise BadAddress("an address needs a local part, @ and a domain")
    if _CONTROL.search(address):
        raise BadAddress("an address has no control characters")
    if not _LOCAL.fullmatch(local):
        raise BadAddress("the part before @ has a character that it cannot have")
    if len(local.encode("utf-8")) > 64:
        raise BadAddress("the part before @ is longer than 64 bytes")
    whole = f"{local}@{_wire_domain(domain)}"
    if len(whole.encode("utf-8")) > 254:
        raise BadAddress("the address is longer than 254 bytes")
    return whole


def _wire_domain(domain: str) -> str:
    if domain.startswith("["):
        if not _LITERAL.fullmatch(domain):
            raise BadAddress("what stands in brackets is no IP address")
        return domain
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise BadAddress("the domain is no internationalised domain name") from None
    if not _HOST.fullmatch(domain) or max(map(len, domain.split("."))) > 63:
        raise BadAddress("the domain is no host name")
    return domain


def domain_of(address: str) -> str:
    """What follows the last ``@``."""
    return address.rpartition("@")[2]
