"""A CSV file of contacts with bad rows in it, and the same rows as the bare loaders need them."""

from __future__ import annotations

import random
from pathlib import Path

HEADER_OF_LOADERS = (
    "id, created_by, created_at, updated_at, first_name, last_name, phone, email, address, custom1, custom2, custom3,"
    " description"
)
"""The columns of the loaders' files."""
BAD_EVERY = 100


def write(ours: Path, loaders: Path, rows: int) -> None:
    """Write both files. One row in a hundred is bad: its number, its address, its encoding, or a column too few.

    The loaders' file has every column of the table, as they need it, and good values in the bad rows.
    """
    chance = random.Random(7)
    kinds = (
        lambda phone, rest: f"{phone}x,{rest}",
        lambda phone, rest: f"{phone},{rest.replace('@', ' at ')}",
        lambda phone, rest: f"{phone},{rest}\udce9",
        lambda phone, rest: f"{phone},{rest},,more",
    )
    with (
        ours.open("w", encoding="utf-8", errors="surrogateescape") as mine,
        loaders.open("w", encoding="utf-8") as theirs,
    ):
        for number in range(rows):
            phone = f"+49{chance.randrange(10**10):010}"
            first, last, email = f"First{number % 5000}", f"Last{number % 70000}", f"user{number}@example.org"
            address = f'"Street {number % 900}, Town"'
            rest = f"{first},{last},{email},{address},gold,,x{number % 10},A contact"
            if number % BAD_EVERY:
                mine.write(f"{phone},{rest}\n")
            else:
                mine.write(kinds[number // BAD_EVERY % len(kinds)](phone, rest) + "\n")
            theirs.write(
                f"{number + 1},1,1700000000.5,1700000000.5,{first},{last},{phone},{email},{address},gold,,"
                f"x{number % 10},A contact\n"
            )
