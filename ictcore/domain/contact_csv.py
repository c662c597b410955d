"""Contacts as CSV (RFC 4180): the columns, header lines, separators, and how values are written.

What a spreadsheet would take for a formula is written with an apostrophe before it, and read without it. The rule can
be undone: a value is marked when it begins with any number of apostrophes and then ``=``, ``+``, ``-``, ``@``, a tab or
a carriage return; a reader takes one apostrophe away from such a value. Telephone numbers are written as they are:
``+`` and digits are no formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COLUMNS = (
    "phone", "first_name", "last_name", "email", "address", "custom1", "custom2", "custom3", "description"
)  # fmt: skip
"""The contract's order."""
SEPARATORS = (",", ";", "\t")
SAMPLE = (
    ("+12025550143", "Maria", "Lopez", "maria@example.com", "12 Harbour Road", "gold", "", "", "Prefers the morning"),
    ("+442079460018", "John", "Smith", "john@example.org", "3 Mill Lane, York", "", "", "", ""),
)
"""Two contacts that do not exist (numbers and domains that are reserved for examples)."""

_NAMES: dict[str, str] = {
    name: column
    for column, names in {
        "phone": "phone phonenumber telephone telephonenumber tel mobile mobilenumber mobilephone cell number msisdn",
        "first_name": "firstname first givenname forename",
        "last_name": "lastname last surname familyname",
        "email": "email emailaddress mail",
        "address": "address",
        "custom1": "custom1",
        "custom2": "custom2",
        "custom3": "custom3",
        "description": "description note notes comment comments",
    }.items()
    for name in names.split()
}
_SUSPECT = frozenset("'=+-@\t\r")
_MARK = re.compile(r"'*[=+\-@\t\r]")
_MARKED = re.compile(r"'+[=+\-@\t\r]")
_PLAIN_NUMBER = re.compile(r"\+?[0-9]+")


@dataclass(frozen=True)
class Layout:
    """Where the values of a row stand.

    :ivar places: for each of :data:`COLUMNS` the index in the row, ``-1`` when the file has no such column.
    :ivar width: how many values a row has.
    :ivar ignored: names of a header line that are no fields of a contact.
    """

    separator: str = ","
    places: tuple[int, ...] = tuple(range(len(COLUMNS)))
    width: int = len(COLUMNS)
    header: bool = False
    ignored: tuple[str, ...] = ()


def layout_of(line: str) -> Layout:
    """What the first line of a file tells: its separator, and its columns when it is a header.

    A header has a name of the number's or the address' column, and no value twice. Case, spaces, ``-`` and ``_`` in
    names do not matter.

    :raises ValueError: it is a header that names a field twice.
    """
    counts: dict[str, int] = {}
    for separator in SEPARATORS:
        cells = next(csv.reader([line], delimiter=separator), [])
        header = _header(cells, separator)
        if header is not None:
            return header
        counts[separator] = len(cells)
    return Layout(max(SEPARATORS, key=lambda separator: (counts[separator] == len(COLUMNS), counts[separator])))


def _header(cells: Sequence[str], separator: str) -> Layout | None:
    names = [_NAMES.get(re.sub(r"[\s_-]", "", cell).lower(), "") for cell in cells]
    if "phone" not in names and "email" not in names:
        return None
    known = [name for name in names if name]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise ValueError(f"the header names {', '.join(twice)} twice")
    return Layout(
        separator,
        tuple(names.index(column) if column in names else -1 for column in COLUMNS),
        len(cells),
        header=True,
        ignored=tuple(cell.strip() for cell, name in zip(cells, names, strict=True) if not name and cell.strip()),
    )


def marked(value: str) -> str:
    """``value`` as it is written: no spreadsheet takes it for a formula."""
    return "'" + value if _MARK.match(value) and not _PLAIN_NUMBER.fullmatch(value) else value


def unmarked(value: str) -> str:
    """The value that :func:`marked` was given."""
    return value[1:] if value[:1] == "'" and _MARKED.match(value) else value


def written(rows: Iterable[Sequence[str]]) -> bytes:
    """``rows`` as UTF-8, every value in quotes, lines ended by CRLF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([marked(value) if value and value[0] in _SUSPECT else value for value in row] for row in rows)
    return text.getvalue().encode()
