"""Contacts of a group by the million: in by the driver's bulk paths, out page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from ictcore.domain.contact_csv import COLUMNS
from ictcore.domain.errors import Conflict, StoreUnavailable
from ictcore.store.database import Store
from ictcore.store.number_filter import NumberFilter

SLICE = 10_000
"""Contacts that are handed over at a time, and that :meth:`GroupImport.add` is best given."""
_COLUMNS = ", ".join(COLUMNS)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_MARKS = ", ".join("?" * len(COLUMNS))


class GroupImport:
    """Adds contacts to a group, inside the caller's transaction: when that is rolled back, nothing was added.

    :param owner: user id of the new contacts' owner.
    :param now: epoch seconds.
    :param keep: also add contacts whose number the group has already; they are counted in any case.
    :ivar imported: contacts added so far; ``duplicates``: contacts whose number was there before, in the group or
        earlier in this import.
    """

    def __init__(self, store: Store, group_id: int, owner: int, now: float, *, keep: bool) -> None:
        if not store.in_transaction:
            raise RuntimeError("an import needs a transaction around it")
        self.imported = 0
        self.duplicates = 0
        self._store = store
        self._group = group_id
        self._owner = owner
        self._now = now
        self._keep = keep
        self._filter = NumberFilter()
        self._sequence = ""
        self._owners = self._look_around()

    def add(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Add contacts, each its values in the order of :data:`~ictcore.domain.contact_csv.COLUMNS`.

        :raises StoreUnavailable: the database cannot be used now.
        """
        again = self._repeated(rows)
        self.duplicates += len(again)
        if again and not self._keep:
            rows = [row for place, row in enumerate(rows) if place not in again]
        if rows:
            if self._store.is_sqlite:
                self._add_sqlite(rows)
            else:
                self._add_postgresql(rows)
            self.imported += len(rows)

    def finish(self) -> None:
        """Bring the group's total up to date."""
        self._store.run(
            "UPDATE contact_group SET contact_total = contact_total + ? WHERE id = ?", (self.imported, self._group)
        )

    # -- numbers that are there already -------------------------------------------------------------------------------

    def _look_around(self) -> list[int | None]:
        """Lock the group against a second import, and remember its numbers. Returns whose contacts are in it."""
        store = self._store
        if not store.is_sqlite:  # there the transaction holds the only write lock
            store.row("SELECT id FROM contact_group WHERE id = ? FOR NO KEY UPDATE", (self._group,))
        inside = "FROM contact_link l JOIN contact c ON c.id = l.contact_id WHERE l.group_id = ?"
        owners: set[int | None] = {self._owner}
        for batch in store.stream(f"SELECT c.phone, c.created_by {inside}", (self._group,), size=SLICE):
            self._filter.add(phone for phone, _ in batch if phone)
            owners.update({owner for _, owner in batch})
        return list(owners)

    def _repeated(self, rows: Sequence[tuple[str, ...]]) -> set[int]:
        """The places of those rows whose number the group has, or an earlier row."""
        wanted = self._filter.suspects(rows)
        if not wanted:
            return set()
        taken = self._known(wanted)
        again = set()
        for place, row in enumerate(rows):
            if row[0] in wanted:
                if row[0] in taken:
                    again.add(place)
                else:
                    taken.add(row[0])
        return again

    def _known(self, numbers: set[str]) -> set[str]:
        """Those of ``numbers`` that a contact of the group has."""
        owners = [owner for owner in self._owners if owner is not None]
        nobody = " OR c.created_by IS NULL" if None in self._owners else ""
        if self._store.is_sqlite:
            listed = "(SELECT value FROM json_each(?))"
            values: list[Any] = [json.dumps(list(numbers)), json.dumps(owners)]
            is_one = f"c.phone IN {listed} AND (c.created_by IN {listed}{nobody})"
        else:
            values = [list(numbers), owners]
            is_one = f"c.phone = ANY(?) AND (c.created_by = ANY(?){nobody})"
        sql = (
            f"SELECT DISTINCT c.phone FROM contact c WHERE {is_one}"  # noqa: S608
            " AND EXISTS (SELECT 1 FROM contact_link l WHERE l.group_id = ? AND l.contact_id = c.id)"
        )
        return {phone for (phone,) in self._store.rows(sql, [*values, self._group])}

    # -- bulk paths ---------------------------------------------------------------------------------------------------

    def _add_sqlite(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Nobody else writes during the transaction, so the ids follow each other."""
        store = self._store
        before = store.value("SELECT coalesce(max(id), 0) FROM contact")
        # The two numbers stand in the text: binding them anew for every row would cost more than checking it.
        fixed = f"{int(self._owner)}, {float(self._now)!r}"
        store.many(f"INSERT INTO contact (created_by, created_at, {_COLUMNS}) VALUES ({fixed}, {_MARKS})", rows)  # noqa: S608
        store.run(
            "INSERT INTO contact_link (group_id, contact_id) SELECT ?, id FROM contact WHERE id > ?",
            (self._group, before),
        )

    def _add_postgresql(self, rows: Sequence[tuple[str, ...]]) -> None:
        ids = self._take_ids(len(rows))
        fixed = f"\t{self._owner}\t{self._now!r}\t"
        lines = [f"{row_id}{fixed}{copy_line(row)}" for row_id, row in zip(ids, rows, strict=True)]
        try:
            cursor = self._store.driver().cursor()
            with cursor.copy(f"COPY contact (id, created_by, created_at, {_COLUMNS}) FROM STDIN") as copy:
                copy.write("".join(lines))
        except psycopg.IntegrityError as error:
            raise Conflict("it contradicts what is stored") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise StoreUnavailable(f"the database cannot be used now: {type(error).__name__}") from error
        if isinstance(ids, range):
            made = "SELECT ?::bigint, i FROM generate_series(?::bigint, ?::bigint) i"
            values: list[Any] = [self._group, ids[0], ids[-1]]
        else:
            made, values = "SELECT ?::bigint, unnest(?::bigint[])", [self._group, ids]
        self._store.run(f"INSERT INTO contact_link (group_id, contact_id) {made}", values)

    def _take_ids(self, count: int) -> Sequence[int]:
        """New ids for ``count`` contacts. Nearly always they follow each other; then they need not travel."""
        if not self._sequence:  # looked up once: inside the statement it would be looked up for each id
            self._sequence = self._store.value("SELECT pg_get_serial_sequence('contact', 'id')")
        taken = "SELECT nextval(?::regclass) AS i FROM generate_series(1, ?)"
        row = self._store.row(f"SELECT min(i), max(i) FROM ({taken}) AS taken", (self._sequence, count))  # noqa: S608
        if row is not None and row[1] - row[0] == count - 1:
            return range(row[0], row[1] + 1)
        return [row_id for (row_id,) in self._store.rows(taken, (self._sequence, count))]


def copy_line(row: Sequence[str]) -> str:
    """A line of PostgreSQL's COPY in text format; the values must not hold NUL."""
    line = "\t".join(row)
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") >= len(row):
        line = "\t".join([value.translate(_ESCAPES) for value in row])
    return line + "\n"


def group_contacts(
    store: Store, group_id: int, owner: int | None, *, size: int = 2000
) -> Iterator[list[tuple[str, ...]]]:
    """The contacts of a group in batches, by id: the values of each in the order of the columns of CSV.

    Each batch is a statement of its own, so a slow reader holds neither a lock nor a transaction.

    :param owner: whose contacts are seen; ``None``: everybody's.
    """
    mine = "" if owner is None else " AND c.created_by = ?"
    # The inner query is the page, by the primary key of the links: no engine can choose to sort the whole group.
    sql = (
        f"SELECT l.contact_id, {', '.join('c.' + column for column in COLUMNS)} FROM"  # noqa: S608
        " (SELECT contact_id FROM contact_link WHERE group_id = ? AND contact_id > ? ORDER BY contact_id LIMIT ?) l"
        f" LEFT JOIN contact c ON c.id = l.contact_id{mine} ORDER BY l.contact_id"
    )
    last = 0
    while True:
        batch = store.rows(sql, [group_id, last, size, *([] if owner is None else [owner])])
        seen = [row[1:] for row in batch if row[1] is not None]
        if seen:
            yield seen
        if len(batch) < size:
            return
        last = batch[-1][0]
