"""What lists can be searched by beside their columns, and the values that a query string may give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ictcore.domain.errors import InvalidInput

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Link:
    """A table of pairs by which rows belong to something: a page of them costs the same, however many there are.

    :ivar own: its column with the row's id; ``other``: its column with the id of what they belong to. Together they are
        its primary key, ``other`` first.
    """

    table: str
    own: str
    other: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter that is more than a comparison of a column.

    :ivar sql: with ``?`` for the value, as often as ``times`` says.
    :ivar parse: ``(name, text) -> value``; raises InvalidInput.
    :ivar link: a quicker way to the same rows, when the list has no other link.
    """

    sql: str
    parse: Callable[[str, str], Any]
    times: int = 1
    link: Link | None = None


def text(name: str, value: str) -> str:
    """A filter's text.

    :raises InvalidInput: the database cannot hold it.
    """
    if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidInput(fields={name: "must be text without NUL"})
    return value


def whole(name: str, value: str) -> int:
    """A filter's number.

    :raises InvalidInput: it is none, or has more than 64 bits.
    """
    try:
        number = int(value)
    except ValueError:
        raise InvalidInput(fields={name: "must be a whole number"}) from None
    if abs(number) > _LARGEST:
        raise InvalidInput(fields={name: "is too large"})
    return number


def real(name: str, value: str) -> float:
    """A filter's real number.

    :raises InvalidInput: it is none, or not finite.
    """
    try:
        number = float(value)
    except ValueError:
        raise InvalidInput(fields={name: "must be a number"}) from None
    if not isfinite(number):
        raise InvalidInput(fields={name: "must be a number"})
    return number
