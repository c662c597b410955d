"""Copying everything from one database to another, for example from SQLite to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

from ictcore.domain.errors import Conflict
from ictcore.store.database import Store
from ictcore.store.models import ALL

BATCH = 2000


def copy(source: Store, target: Store, told: Callable[[str, int], None] = lambda table, rows: None) -> int:
    """Copy every row of every table; the number of rows.

    All or nothing: on any error ``target`` stays as it was. Nobody else should write to ``source`` meanwhile. Blocks
    until it is done; memory does not grow with the number of rows.

    :param target: migrated to the same schema, and with no rows.
    :param told: called after each table with its name and number of rows.
    :raises Conflict: ``target`` has rows already, or a table has another number of rows afterwards.
    """
    total = 0
    with source.transaction(), target.transaction():
        for model in ALL:
            table = model._meta.table_name
            if target.row(f'SELECT 1 FROM "{table}" LIMIT 1') is not None:  # noqa: S608
                raise Conflict(f"the target is not empty: it has rows in {table}")
            columns = [column.column_name for column in model._meta.sorted_fields]
            names = ", ".join(f'"{column}"' for column in columns)
            marks = ", ".join("?" * len(columns))
            for batch in source.stream(f'SELECT {names} FROM "{table}"', size=BATCH):  # noqa: S608
                target.many(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', batch)  # noqa: S608
            rows = _count(target, table)
            if rows != _count(source, table):
                raise Conflict(f"{table} has not the same number of rows afterwards")
            if not target.is_sqlite and "id" in columns:
                _move_sequence(target, table)
            told(table, rows)
            total += rows
    return total


def _count(store: Store, table: str) -> int:
    return int(store.value(f'SELECT count(*) FROM "{table}"'))  # noqa: S608


def _move_sequence(target: Store, table: str) -> None:
    """New rows must not take ids that were copied."""
    sequence = target.value("SELECT pg_get_serial_sequence(?, 'id')", (table,))
    if sequence:
        target.row(f'SELECT setval(?, greatest((SELECT max("id") FROM "{table}"), 1))', (sequence,))  # noqa: S608
