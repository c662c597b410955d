"""The checks of one contact that comes from a file: which values are kept, and what is wrong with the others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ictcore.domain.contact_csv import COLUMNS, unmarked

LONGEST_LINE = 255
LONGEST_EMAIL = 254
LONGEST_LOCAL = 64
LONGEST_DESCRIPTION = 4096
DIGITS = range(2, 21)
"""How many digits a number may have: extensions have two, E.164 fifteen and an access code before them."""

_SEPARATORS = dict.fromkeys(map(ord, " -.()/\u00a0\u2007\u202f\u2010\u2011\u2012\u2013\u2014\u2212\uff0d"))
_INVISIBLE = dict.fromkeys([0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF])
_DROPPED = {**_SEPARATORS, **_INVISIBLE}
_SCIENTIFIC = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BROKEN = re.compile(r"[\ud800-\udfff]")
_BAD_IN_EMAIL = re.compile(r"[\s\x00-\x20\x7f\"(),:;<>\[\]\\]")
_USUAL = re.compile(r"(?:\+?[0-9]{2,20})? (?:[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)?")
_usual = _USUAL.fullmatch

Row = tuple[str, ...]
"""A contact's values in the order of :data:`~ictcore.domain.contact_csv.COLUMNS`."""


class BadField(Exception):
    """A value that cannot be kept. ``reason`` never repeats the value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason


def is_usual(row: Sequence[str]) -> bool:
    """Whether the nine values are plainly right and need no change: true for nearly every row, and quick to tell.

    When it is false, :func:`checked` knows.
    """
    text = "".join(row)
    addresses = f"{row[0]} {row[3]}"
    return (
        len(text) <= LONGEST_LINE
        and 1 < len(addresses) <= LONGEST_LOCAL  # a number or an address: it is no blank row
        and text.isprintable()
        and "'" not in text
        and _usual(addresses) is not None
    )


def checked(values: Sequence[str]) -> Row:
    """The nine values as they are kept.

    :raises BadField: the first value that cannot be kept.
    """
    row = [unmarked(value) for value in values]
    for name, value in zip(COLUMNS, row, strict=True):
        if _BROKEN.search(value):
            raise BadField(name, "is not UTF-8")
        if "\x00" in value:
            raise BadField(name, "must not hold the character NUL")
    row[0] = number(row[0])
    row[3] = email(row[3])
    for name, value in zip(COLUMNS[:-1], row, strict=False):
        if len(value) > LONGEST_LINE:
            raise BadField(name, f"is longer than {LONGEST_LINE} characters")
        if _CONTROL.search(value):
            raise BadField(name, "must be one line without control characters")
    if len(row[-1]) > LONGEST_DESCRIPTION:
        raise BadField(COLUMNS[-1], f"is longer than {LONGEST_DESCRIPTION} characters")
    return tuple(row)


def number(text: str) -> str:
    """A telephone number: ``+`` where it was written, and its digits with all leading zeros; ``""`` for none.

    Spaces, dashes, dots, slashes, brackets and marks of writing direction are dropped.

    :raises BadField: it has something else, or too few or too many digits.
    """
    if len(text) > LONGEST_LINE:
        raise BadField("phone", "is too long for a telephone number")
    value = text.translate(_DROPPED)
    if not value:
        if text.strip():
            raise BadField("phone", "is no telephone number")
        return ""
    plus = value[0] in "+\uff0b"
    digits = value[1:] if plus else value
    if not digits.isdecimal():
        if _SCIENTIFIC.fullmatch(text.strip()):
            raise BadField("phone", "has lost its digits in a spreadsheet: format the column as text")
        raise BadField("phone", "is no telephone number")
    if not digits.isascii():
        digits = "".join(str(unicodedata.decimal(digit)) for digit in digits)
    if len(digits) not in DIGITS:
        raise BadField("phone", f"must have {DIGITS.start} to {DIGITS.stop - 1} digits")
    return "+" + digits if plus else digits


def email(text: str) -> str:
    """An e-mail address without the spaces around it; ``""`` for none.

    :raises BadField: it is none.
    """
    value = text.strip(" \t\u00a0")
    if not value:
        return ""
    local, at, domain = value.rpartition("@")
    if not at or not local or not domain or "@" in local or _BAD_IN_EMAIL.search(value):
        raise BadField("email", "is no e-mail address")
    if "" in local.split(".") or "" in domain.split("."):
        raise BadField("email", "is no e-mail address: a dot stands at an end or beside another dot")
    if len(value) > LONGEST_EMAIL or len(local) > LONGEST_LOCAL:
        raise BadField("email", "is too long for an e-mail address")
    return value
