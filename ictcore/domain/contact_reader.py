"""Reading contacts from a CSV file of any size, row by row; a row that is wrong does not stop the others."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from ictcore.domain.contact_csv import COLUMNS, SEPARATORS, Layout, layout_of
from ictcore.domain.contact_fields import BadField, Row, checked, is_usual

LONGEST = 65_536
"""Characters of a line; a contact has at most 6,136, and twice as many when all of them are quotes."""
MOST_LINES = 100
"""Lines of one row; when a quoted value goes on for longer, its quote was never meant to begin one."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotCsv(ValueError):
    """The file as a whole cannot be read; nothing of it was taken."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not taken.

    :ivar line: where it begins, from 1; every line of the file counts.
    :ivar field: a column of a contact, or ``""`` when the row as a whole is wrong.
    :ivar reason: never repeats what the file says.
    """

    line: int
    field: str
    reason: str


class _Overlong(Exception):
    """A line or a row goes on and on."""


class ContactReader:
    """The contacts of one file.

    :param file: UTF-8 with or without a mark at its beginning; read from its position to its end, and
        closed with this object.
    :param bad: called with every row that cannot be taken.
    :raises NotCsv: it is UTF-16, or its header names a field twice.

    :ivar layout: what the first line told.
    """

    def __init__(self, file: IO[bytes], bad: Callable[[BadRow], None]) -> None:
        head = file.read(3)
        if head[:2] in _UTF_16:
            raise NotCsv("the file is UTF-16; save it as CSV UTF-8")
        if head != codecs.BOM_UTF8:
            file.seek(-len(head), io.SEEK_CUR)
        # Broken bytes become half surrogate pairs, which the checks of the row then find.
        self._text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        self._bad = bad
        self._again: list[str] = []  # lines to read once more, the next one last
        self._held: list[str] = []  # lines of the row that is being read
        self._line = 0
        self.layout = self._look()

    def __iter__(self) -> Iterator[Row]:
        """The contacts, each as its nine values. Blank rows and rows without a value are passed over."""
        while True:
            reader = csv.reader(self._lines(), delimiter=self.layout.separator, strict=True)
            try:
                yield from self._rows(reader)
                return
            except (csv.Error, _Overlong) as error:
                self._recover(error)

    def _rows(self, reader: Iterator[list[str]]) -> Iterator[Row]:
        held = self._held
        plain = self.layout.places == tuple(range(len(COLUMNS)))
        for row in reader:
            if plain and len(row) == 9 and is_usual(row):
                held.clear()
                yield tuple(row)
                continue
            line = self._line - len(held) + 1
            held.clear()
            try:
                values = self._arranged(row)
                if values is not None:
                    yield values if is_usual(values) else checked(values)
            except BadField as problem:
                self._bad(BadRow(line, problem.field, problem.reason))

    def _arranged(self, row: list[str]) -> Row | None:
        """The values in the order of :data:`COLUMNS`, ``None`` for a row without any."""
        if not any(value and not value.isspace() for value in row):
            return None
        layout = self.layout
        if len(row) == 1 and layout.width > 1 and layout.places[0] == 0:
            return (row[0], *[""] * (len(COLUMNS) - 1))
        if len(row) > layout.width and not any(row[layout.width :]):
            del row[layout.width :]
        if len(row) != layout.width:
            expected = f"{layout.width}" if layout.header else f"{layout.width}, or 1 with just a number"
            raise BadField("", f"has {len(row)} columns instead of {expected}")
        return tuple([row[place] if place >= 0 else "" for place in layout.places])

    def _recover(self, error: Exception) -> None:
        """Report the row, and read on with the line after its first: a stray quote must not swallow its neighbours."""
        held = self._held
        line = self._line - len(held) + 1
        if isinstance(error, _Overlong) and len(held) == 1:
            reason = f"is longer than {LONGEST} characters"
        else:
            reason = "a quote is misplaced or not closed"
        self._bad(BadRow(line, "", reason))
        self._line -= len(held) - 1
        self._again.extend(reversed(held[1:]))
        held.clear()

    def _lines(self) -> Iterator[str]:
        again, held = self._again, self._held
        readline = self._text.readline
        while True:
            line = again.pop() if again else readline(LONGEST)
            if not line:
                return
            self._line += 1
            held.append(line)
            if len(line) >= LONGEST or len(held) > MOST_LINES:
                if len(held) == 1:  # else it is looked at again, by itself
                    self._skip(line)
                raise _Overlong
            yield line

    def _skip(self, line: str) -> None:
        """Read to the end of a line that is too long, keeping nothing of it."""
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(LONGEST)

    def _look(self) -> Layout:
        """Look at the first line that says something; a header and the line ``sep=;`` are used up."""
        separator = ""
        while line := self._text.readline(LONGEST):
            self._line += 1
            plain = line.strip("\r\n")
            if separator == "" and plain[:4].lower() == "sep=" and plain[4:] in SEPARATORS:
                separator = plain[4:]
                continue
            if plain.strip(" ,;\t"):
                break
        else:
            return Layout(separator or ",")
        try:
            layout = layout_of(plain)
        except ValueError as error:
            raise NotCsv(str(error)) from None
        if not layout.header:
            self._line -= 1
            self._again.append(line)
            if separator:
                layout = Layout(separator)
        return layout
