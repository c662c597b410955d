"""Changing many rows with one statement, on both engines.

SQLite runs inside the process: ``executemany`` is its fastest way. PostgreSQL is a round trip away: there all rows
travel as one JSON parameter, which the server turns into a table again. A row is a tuple in the order of ``columns``.
"""

# SQL is put together from constants of this package only; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ictcore.store.database import Row, Store

_encode = msgspec.json.Encoder().encode

TYPES = {"int": "bigint", "real": "double precision", "text": "text"}


class Bulk:
    """A statement for many rows.

    :param text: SQL in which ``{name}`` stands for a column of the row. For PostgreSQL it needs ``{rows}`` where the
        table of rows (called ``v``) goes: ``UPDATE t SET a = {a} FROM {rows} WHERE t.id = {id}``; for SQLite the words
        ``FROM {rows}`` and ``{rows} CROSS JOIN`` are dropped.
    :param columns: name -> ``int``, ``real`` or ``text``, in the order of the row.
    """

    __slots__ = ("_keys", "_postgres", "_sqlite")

    def __init__(self, text: str, columns: dict[str, str]) -> None:
        names = list(columns)
        numbered = {name: f"?{number}" for number, name in enumerate(names, 1)}
        self._sqlite = text.replace(" {rows} CROSS JOIN", "").replace(" FROM {rows}", "").format(**numbered)
        keys = [f"c{number}" for number in range(len(names))]  # short on the wire, and like no column's name
        table = ", ".join(f"{key} {TYPES[kind]}" for key, kind in zip(keys, columns.values(), strict=True))
        named = {name: f"v.{key}" for name, key in zip(names, keys, strict=True)}
        self._postgres = text.format(rows=f"json_to_recordset(?::json) AS v({table})", **named)
        self._keys = keys

    def run(self, store: Store, rows: Sequence[Row]) -> int:
        """Execute it for ``rows``, inside a transaction; how many rows of the table it changed."""
        if not rows:
            return 0
        if store.is_sqlite:
            before: int = store.value("SELECT total_changes()")
            store.many(self._sqlite, rows)
            after: int = store.value("SELECT total_changes()")
            return after - before
        keys = self._keys
        return store.run(self._postgres, (as_json([dict(zip(keys, row, strict=True)) for row in rows]),))


class BulkInsert:
    """An INSERT of many rows; a row that exists already (``unique``) is left as it is.

    :param columns: name -> ``int``, ``real`` or ``text``, in the order of the row.
    :param unique: the column whose values must not repeat, or ``""``.
    """

    __slots__ = ("_names", "_plain", "_postgres", "_sqlite", "unique")

    def __init__(self, table: str, columns: dict[str, str], unique: str = "") -> None:
        names = list(columns)
        into = f"INSERT INTO {table} ({', '.join(names)})"
        clash = f" ON CONFLICT ({unique}) DO NOTHING RETURNING {unique}" if unique else ""
        picked = ", ".join(f"json_extract(value, '$[{number}]')" for number in range(len(names)))
        self._plain = f"{into} VALUES ({', '.join('?' * len(names))})"
        self._sqlite = f"{into} SELECT {picked} FROM json_each(?) WHERE true{clash}"
        types = ", ".join(f"{name} {TYPES[kind]}" for name, kind in columns.items())
        self._postgres = f"{into} SELECT {', '.join(names)} FROM json_to_recordset(?::json) AS v({types}){clash}"
        self._names = names
        self.unique = unique

    def run(self, store: Store, rows: Sequence[Row]) -> set[Any]:
        """Insert ``rows``; the values of the unique column that were new (empty when there is no unique column)."""
        if not rows:
            return set()
        if store.is_sqlite:
            if not self.unique:
                store.many(self._plain, rows)
                return set()
            return {key for (key,) in store.rows(self._sqlite, (as_json(rows),))}
        names = self._names
        data = as_json([dict(zip(names, row, strict=True)) for row in rows])
        if not self.unique:
            store.run(self._postgres, (data,))
            return set()
        return {key for (key,) in store.rows(self._postgres, (data,))}


def as_json(value: Any) -> str:
    """``value`` as JSON text, to be passed as one parameter."""
    return _encode(value).decode()


def among(store: Store, column: str, kind: str) -> str:
    """SQL: whether ``column`` is one of the values of one JSON array parameter."""
    if store.is_sqlite:
        return f"{column} IN (SELECT value FROM json_each(?))"
    return f"{column} IN (SELECT value::{TYPES[kind]} FROM json_array_elements_text(?::json))"


def clean(text: str) -> str:
    """``text`` as both engines can keep it: PostgreSQL has no NUL in texts, and neither has lone surrogates."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
