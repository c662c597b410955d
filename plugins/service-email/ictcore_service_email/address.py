"""E-mail addresses: one form to store and to compare.

Sources: RFC 5321 (sections 4.1.2 and 4.5.3.1: 64 octets before the ``@``, 255 after it, 256 for ``<address>``), RFC
6531 (addresses with letters of all languages, counted in octets of UTF-8), RFC 1035 (63 octets for a label).
"""

from __future__ import annotations

import unicodedata

from ictcore.spec import InvalidInput

LONGEST = 254
"""Octets of an address: RFC 5321 allows 256 for the path, and its two angle brackets count."""
LONGEST_LOCAL = 64
LONGEST_DOMAIN = 253
"""Characters of a domain in its ASCII form; its 255 octets count the length bytes of RFC 1035."""
LONGEST_LABEL = 63

_ATOM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_NO_TEXT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
"""Unicode categories that no address has: control, format, surrogate, private, not assigned, separators."""


def normalize(address: str) -> str:
    """The address with its domain in lower case (and Unicode form C) and its local part as it was written.

    Spaces around it are dropped. Quoted local parts, comments, address literals and display names are not taken: they
    are not needed to reach a person, and every one of them has been used to smuggle a second recipient.

    :raises InvalidInput: it is no address; the message says why and does not repeat it.
    """
    text = address.strip(" ")
    if len(text) > LONGEST:
        raise InvalidInput("too long for an e-mail address")
    if text.count("@") != 1:
        raise InvalidInput("an e-mail address has exactly one @")
    local, domain = text.split("@")
    _check_local(local)
    domain = _domain(domain)
    result = f"{local}@{domain}"
    if len(result.encode()) > LONGEST:
        raise InvalidInput("too long for an e-mail address")
    return result


def _check_local(local: str) -> None:
    if not local:
        raise InvalidInput("nothing stands before the @")
    for letter in local.replace(".", ""):
        if not (letter in _ATOM or (not letter.isascii() and unicodedata.category(letter) not in _NO_TEXT)):
            raise InvalidInput("a character before the @ is not allowed in an e-mail address")
    if len(local.encode()) > LONGEST_LOCAL:
        raise InvalidInput("more than 64 octets before the @")
    if "" in local.split("."):
        raise InvalidInput("a dot before the @ stands at an end or beside another dot")


def _domain(domain: str) -> str:
    if not domain:
        raise InvalidInput("nothing stands after the @")
    # Lower case may decompose a letter, and form C may yield a capital one: twice is stable.
    for _ in range(2):
        domain = unicodedata.normalize("NFC", domain.lower())
    length = 0
    for label in domain.split("."):
        for letter in label:
            if not (letter in _LABEL or (not letter.isascii() and unicodedata.category(letter)[0] in "LMN")):
                raise InvalidInput("a character after the @ is not allowed in a domain")
        if not label or label[0] == "-" or label[-1] == "-":
            raise InvalidInput("a part of the domain is empty, or begins or ends with a hyphen")
        ascii_length = len(label) if label.isascii() else 4 + len(label.encode("punycode"))
        if ascii_length > LONGEST_LABEL:
            raise InvalidInput("a part of the domain has more than 63 octets")
        length += ascii_length + 1
    if length - 1 > LONGEST_DOMAIN:
        raise InvalidInput("the domain is too long")
    return domain
