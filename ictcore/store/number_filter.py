"""Which telephone numbers have certainly not been met before: 16 MB for any number of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

BITS = 1 << 27
"""One number in 134 of the new ones looks old when there are a million; they are then looked up."""


class NumberFilter:
    """A Bloom filter with one hash: "new" is certain, "met before" is a guess that must be checked."""

    def __init__(self) -> None:
        self._bits = bytearray(BITS >> 3)

    def add(self, numbers: Iterable[str]) -> None:
        """Remember ``numbers``."""
        bits = self._bits
        for number in numbers:
            place = hash(number) & (BITS - 1)
            bits[place >> 3] |= 1 << (place & 7)

    def suspects(self, rows: Sequence[Sequence[str]]) -> set[str]:
        """The numbers among the first values of ``rows`` that may have been met before, in earlier rows too.

        Afterwards all of them are remembered. Empty ones do not count.
        """
        bits = self._bits
        found: set[str] = set()
        for row in rows:
            number = row[0]
            if number:
                place = hash(number) & (BITS - 1)
                bit = 1 << (place & 7)
                if bits[place >> 3] & bit:
                    found.add(number)
                else:
                    bits[place >> 3] |= bit
        return found
