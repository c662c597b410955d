"""Telephone numbers of SMS: one form to store and to compare, and sender names.

Sources: ITU-T E.164 (at most 15 digits), 3GPP TS 23.040 section 9.1.2.5 (a sender name is at most 11 characters).
"""

from __future__ import annotations

import re
import unicodedata

import phonenumbers

from ictcore.spec import InvalidInput
from ictcore_service_sms import quick

LONGEST_TEXT = 64
"""Characters that are looked at; no person writes a number with more."""
LONGEST_DIGITS = 20
"""Digits of a number that is kept as it is: 15 of E.164, and an access code before them."""
SHORT_CODE = range(3, 9)
"""How many digits a short code has."""

_SEPARATORS = frozenset(" -.()/\u00a0\u2007\u202f\u2010\u2011\u2012\u2013\u2014\u2212\uff0d")
_INVISIBLE = dict.fromkeys([0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF])
"""Marks of writing direction: telephones put them around a number that is copied."""
_SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ._&-]{1,11}")


def destination(address: str, country: str) -> str:
    """The one form of a number to which a text can be sent.

    :param address: as a person wrote it, with spaces, dashes, dots, slashes and brackets.
    :param country: ISO 3166 code (two letters, any case) that national numbers belong to, or ``""``.
    :returns: E.164 with ``+`` where the country is known; else the digits, leading zeros kept (short codes and
        national numbers without a country).
    :raises InvalidInput: it is no number; the message says why and does not repeat it.
    """
    if quick.is_e164(address) and (not country or country.upper() in phonenumbers.SUPPORTED_REGIONS):
        return address
    plus, digits = _digits(address)
    region = country.upper()
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput("the country is not known")
    if plus:
        number = _parse("+" + digits, None)
        if number is None:
            raise InvalidInput("not an international number: country code or length is wrong")
        return number
    if not region:
        return _as_it_is(digits)
    if len(digits) in SHORT_CODE:
        return _parse(digits, region, strict=True) or digits
    number = _parse(digits, region)
    if number is None and digits.startswith("00"):
        number = _parse("+" + digits[2:], None)  # the prefix that ITU-T E.123 recommends, used where another one rules
    if number is None:
        raise InvalidInput(f"not a number of {region}; write it with + and the country code")
    return number


def source(address: str, country: str) -> str:
    """The one form of what a text may come from: a number as :func:`destination` has it, or a sender name.

    A sender name has 1 to 11 letters, digits, spaces and ``. _ & -``, and at least one letter.

    :raises InvalidInput: it is neither.
    """
    if _SENDER.fullmatch(address):
        return address
    if any(letter.isascii() and letter.isalpha() for letter in address):
        raise InvalidInput("a sender name has 1 to 11 letters, digits, spaces and . _ & -")
    return destination(address, country)


def _digits(address: str) -> tuple[bool, str]:
    """Whether it begins with ``+``, and its digits as ASCII."""
    if len(address) > LONGEST_TEXT:
        raise InvalidInput("too long for a telephone number")
    text = address.translate(_INVISIBLE).strip(" \u00a0")
    plus = text[:1] in ("+", "\uff0b") and text != ""
    digits: list[str] = []
    for letter in text[1:] if plus else text:
        if letter.isdecimal():
            digits.append(str(unicodedata.decimal(letter)))
        elif letter not in _SEPARATORS:
            raise InvalidInput("a telephone number has only digits, spaces and - . / ( ), and + at its beginning")
    if not digits:
        raise InvalidInput("a telephone number needs digits")
    return plus, "".join(digits)


def _as_it_is(digits: str) -> str:
    if len(digits) < SHORT_CODE.start:
        raise InvalidInput("too short for a telephone number")
    if len(digits) > LONGEST_DIGITS:
        raise InvalidInput("too long for a telephone number")
    return digits


def _parse(text: str, region: str | None, *, strict: bool = False) -> str | None:
    """E.164 of ``text``, or ``None``. ``strict``: only when the number's range is in use, not for its length alone."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    good = phonenumbers.is_valid_number(number) if strict else phonenumbers.is_possible_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if good else None
