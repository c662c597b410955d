"""The one query layer: rows of a table, seen by their owner or by everybody, as dictionaries with the API's names.

SQL text is built once per shape (which columns, which filters, whose rows) and kept: building queries for each request
would cost more than answering it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from peewee import BigAutoField, BigIntegerField, DoubleField, Field, ForeignKeyField, Model

from ictcore.domain.errors import InvalidInput
from ictcore.store.database import Store
from ictcore.store.filters import Condition, Link, real, text, whole

COUNT_LIMIT = 10_000
"""Totals are counted up to here; beyond, counting would cost more than the page itself."""
COUNT_FRESH = 1_000
"""Totals above this are remembered for :data:`COUNT_LIFE` seconds: a list of many pages is not counted for each."""
COUNT_LIFE = 2.0
MOST_SORTS = 4
"""Fields that a list can be sorted by at once."""
_MOST_KEPT = 2000
"""SQL texts kept per table; clients choose filters and sort fields, so their combinations must not fill the memory."""
_REALS = frozenset({"amount", "per_second"})
"""Real columns that are no moments."""


@dataclass(frozen=True, slots=True)
class Page:
    """What part of a list is wanted.

    :ivar sort: ``(field, descending)`` pairs; the row's id is always the last.
    :ivar filters: field -> text, as in the query string. A text that ends with ``*`` matches a prefix.
    :ivar exact: count the total whatever it costs.
    """

    limit: int = 50
    offset: int = 0
    sort: tuple[tuple[str, bool], ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one page. ``total`` of all pages; a lower bound when ``more_than_total``."""

    rows: list[dict[str, Any]]
    total: int
    more_than_total: bool = False


class Rows:
    """Access to one table.

    :param fields: the API's name -> column, in the order in which they are shown. The first one is the id.
    :param owner: the column with the owner's user id; ``None``: the table has no owners.
    :param hidden: API names that are never read (passwords).
    :param conditions: further filters by name; each wins over a field of that name.

    Tables with ``created_at`` can also be searched by ``before`` and ``after`` (epoch seconds).
    """

    def __init__(
        self,
        store: Store,
        model: type[Model],
        fields: Mapping[str, str],
        *,
        owner: str | None = "created_by",
        hidden: Iterable[str] = (),
        conditions: Mapping[str, Condition] | None = None,
    ) -> None:
        meta = model._meta
        self.store = store
        self.table: str = meta.table_name
        self.fields = dict(fields)
        self.owner = owner
        self.hidden = frozenset(hidden)
        self.shown = tuple(name for name in self.fields if name not in self.hidden)
        self._columns: dict[str, Field] = {column.column_name: column for column in meta.sorted_fields}
        self._stamped = "created_at" in self._columns
        self._touched = "updated_at" in self._columns
        self.conditions = dict(conditions or {})
        if self._stamped:
            self.conditions.setdefault("before", Condition('"created_at" <= ?', real))
            self.conditions.setdefault("after", Condition('"created_at" >= ?', real))
        self._sql: dict[Any, str] = {}
        self._totals: dict[Any, tuple[float, int, bool]] = {}
        self._shown = ", ".join(self._read(self.fields[name]) for name in self.shown)
        self._select = f'SELECT {self._shown} FROM "{self.table}"'  # noqa: S608
        self._mine = f' AND "{owner}" = ?' if owner else ""

    @property
    def filters(self) -> tuple[str, ...]:
        """Every name that a list can be searched by."""
        return (*self.shown, *(name for name in self.conditions if name not in self.shown))

    def _read(self, column: str) -> str:
        """Moments are shown as whole seconds, as the REST contract has them: cut, not rounded."""
        if isinstance(self._columns[column], DoubleField) and column not in _REALS:
            return f'CAST("{column}" AS BIGINT)' if self.store.is_sqlite else f'CAST(floor("{column}") AS BIGINT)'
        return f'"{column}"'

    # -- one row ------------------------------------------------------------------------------------------------------

    def get(self, row_id: int, owner: int | None) -> dict[str, Any] | None:
        """The row, or ``None`` when there is none or it belongs to somebody else.

        :param owner: whose rows are seen; ``None``: everybody's.
        """
        if owner is None or self.owner is None:
            row = self.store.row(f'{self._select} WHERE "id" = ?', (row_id,))
        else:
            row = self.store.row(f'{self._select} WHERE "id" = ?{self._mine}', (row_id, owner))
        return None if row is None else dict(zip(self.shown, row, strict=True))

    def lock(self, row_id: int, owner: int | None, *, share: bool = False) -> dict[str, Any] | None:
        """As :meth:`get`; nobody else can change the row until the caller's transaction ends.

        :param share: only that nobody deletes it; others may lock it so at the same time.
        """
        if self.store.is_sqlite:  # the transaction holds the write lock already
            return self.get(row_id, owner)
        scoped = owner is not None and self.owner is not None
        sql = f'{self._select} WHERE "id" = ?{self._mine if scoped else ""} FOR {"KEY SHARE" if share else "UPDATE"}'
        row = self.store.row(sql, (row_id, owner) if scoped else (row_id,))
        return None if row is None else dict(zip(self.shown, row, strict=True))

    def exists(self, row_id: int, owner: int | None) -> bool:
        """Whether the row is there and may be seen."""
        sql = f'SELECT 1 FROM "{self.table}" WHERE "id" = ?'  # noqa: S608
        if owner is None or self.owner is None:
            return self.store.row(sql, (row_id,)) is not None
        return self.store.row(sql + self._mine, (row_id, owner)) is not None

    def insert(self, values: Mapping[str, Any], owner: int | None, now: float) -> int:
        """Add a row; its id.

        :param values: API name -> value; names that are no fields are an error of the caller.
        :raises Conflict: a unique column has that value already.
        """
        key = ("insert", *values)
        sql = self._sql.get(key)
        if sql is None:
            columns = [self.fields[name] for name in values]
            if self.owner:
                columns.append(self.owner)
            if self._stamped:
                columns.append("created_at")
            names = ", ".join(f'"{column}"' for column in columns)
            marks = ", ".join("?" * len(columns))
            sql = f'INSERT INTO "{self.table}" ({names}) VALUES ({marks}) RETURNING "id"'  # noqa: S608
            self._sql[key] = sql
        row = list(values.values())
        if self.owner:
            row.append(owner)
        if self._stamped:
            row.append(now)
        return int(self.store.value(sql, row))

    def update(self, row_id: int, values: Mapping[str, Any], owner: int | None, now: float) -> bool:
        """Change the named columns; ``False`` when there is no such row for this owner. No values: no change."""
        if not values:
            return self.exists(row_id, owner)
        scoped = owner is not None and self.owner is not None
        key = ("update", scoped, *values)
        sql = self._sql.get(key)
        if sql is None:
            columns = [self.fields[name] for name in values] + (["updated_at"] if self._touched else [])
            sets = ", ".join(f'"{column}" = ?' for column in columns)
            sql = f'UPDATE "{self.table}" SET {sets} WHERE "id" = ?{self._mine if scoped else ""}'  # noqa: S608
            self._sql[key] = sql
        row = list(values.values()) + ([now] if self._touched else []) + [row_id] + ([owner] if scoped else [])
        return self.store.run(sql, row) > 0

    def delete(self, row_id: int, owner: int | None) -> bool:
        """Remove the row; ``False`` when there is no such row for this owner."""
        sql = f'DELETE FROM "{self.table}" WHERE "id" = ?'  # noqa: S608
        if owner is None or self.owner is None:
            return self.store.run(sql, (row_id,)) > 0
        return self.store.run(sql + self._mine, (row_id, owner)) > 0

    # -- lists --------------------------------------------------------------------------------------------------------

    def page(
        self,
        page: Page,
        owner: int | None,
        *,
        where: Sequence[tuple[str, Sequence[Any]]] = (),
        link: tuple[Link, int] | None = None,
    ) -> Found:
        """One page of the rows that ``owner`` sees (``None``: of all).

        :param where: further conditions of the caller: ``(SQL, values)``.
        :param link: only the rows that belong to this id.
        :raises InvalidInput: a filter or sort field that does not exist, or a value that cannot be one of its column.
        """
        clauses: list[str] = []
        values: list[Any] = []
        if owner is not None and self.owner is not None:
            clauses.append(f'"{self.owner}" = ?')
            values.append(owner)
        for sql, given in where:
            clauses.append(sql)
            values.extend(given)
        if page.filters:
            link = self._filters(page.filters, clauses, values, link)
        source, number = f'"{self.table}"', '"id"'
        if link is not None:
            pairs, number = link[0], f'"{link[0].table}"."{link[0].own}"'
            source = f'"{pairs.table}" JOIN {source} ON {source}."id" = {number}'
            clauses.append(f'"{pairs.table}"."{pairs.other}" = ?')
            values.append(link[1])
        key = ("page", source, tuple(clauses), page.sort)
        statement = self._sql.get(key)
        if statement is None:
            if len(self._sql) >= _MOST_KEPT:
                self._sql.clear()
            statement = self._sql[key] = self._page_sql(source, number, clauses, page.sort)
        found = self.store.rows(statement, [*values, page.limit, page.offset])
        shown = self.shown
        rows = [dict(zip(shown, row, strict=True)) for row in found]
        if len(rows) < page.limit and (rows or not page.offset):
            return Found(rows, page.offset + len(rows))
        return Found(rows, *self._count(source, clauses, values, exact=page.exact))

    def _count(self, source: str, clauses: list[str], values: list[Any], *, exact: bool) -> tuple[int, bool]:
        condition = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        if not exact:
            key = (source, condition, *values)
            known = self._totals.get(key)
            if known is not None and known[0] > monotonic():
                return known[1], known[2]
        if exact:
            return int(self.store.value(f"SELECT count(*) FROM {source}{condition}", values)), False  # noqa: S608
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {source}{condition} LIMIT {COUNT_LIMIT + 1}) AS counted"  # noqa: S608
        total = int(self.store.value(sql, values))
        more = total > COUNT_LIMIT
        if total > COUNT_FRESH:
            if len(self._totals) >= _MOST_KEPT:
                self._totals.clear()
            self._totals[key] = (monotonic() + COUNT_LIFE, min(total, COUNT_LIMIT), more)
        return min(total, COUNT_LIMIT), more

    def _page_sql(self, source: str, number: str, clauses: list[str], sort: tuple[tuple[str, bool], ...]) -> str:
        unknown = [name for name, _ in sort if name not in self.shown]
        if unknown:
            raise InvalidInput(fields={"sort": f"there is no field {', '.join(unknown)[:200]}"})
        if len(sort) > MOST_SORTS:
            raise InvalidInput(fields={"sort": f"at most {MOST_SORTS} fields"})
        columns = [(self.fields[name], " DESC" if descending else "") for name, descending in sort]
        quoted = {column: number if column == "id" else f'"{column}"' for column, _ in columns}
        order = [quoted[column] + down for column, down in columns]
        if "id" not in quoted:
            order.append(number)
        condition = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        return f"SELECT {self._shown} FROM {source}{condition} ORDER BY {', '.join(order)} LIMIT ? OFFSET ?"  # noqa: S608

    def _filters(
        self, filters: Mapping[str, str], clauses: list[str], values: list[Any], link: tuple[Link, int] | None
    ) -> tuple[Link, int] | None:
        problems: dict[str, str] = {}
        for name, value in filters.items():
            condition = self.conditions.get(name)
            try:
                if condition is not None and condition.link is not None and link is None:
                    link = (condition.link, condition.parse(name, value))
                else:
                    self._filter(name, value, clauses, values)
            except InvalidInput as error:
                problems |= error.fields
        if problems:
            raise InvalidInput(fields=problems)
        return link

    def _filter(self, name: str, value: str, clauses: list[str], values: list[Any]) -> None:
        condition = self.conditions.get(name)
        if condition is not None:
            clauses.append(condition.sql)
            values.extend([condition.parse(name, value)] * condition.times)
            return
        if name not in self.shown:
            raise InvalidInput(fields={name: "is not a field that can be searched"})
        column = self.fields[name]
        kind = self._columns[column]
        if isinstance(kind, (BigAutoField, BigIntegerField, ForeignKeyField)):
            clauses.append(f'"{column}" = ?')
            values.append(whole(name, value))
        elif isinstance(kind, DoubleField):
            clauses.append(f"{self._read(column)} = ?")
            values.append(real(name, value))
        elif value.endswith("*"):
            self._prefix(column, text(name, value[:-1]), clauses, values)
        else:
            clauses.append(f'"{column}" = ?')
            values.append(text(name, value))

    def _prefix(self, column: str, prefix: str, clauses: list[str], values: list[Any]) -> None:
        if not self.store.is_sqlite:
            clauses.append(f'starts_with("{column}", ?)')
            values.append(prefix)
        elif prefix:
            clauses.append(f'"{column}" >= ? AND "{column}" < ?')
            values.extend((prefix, prefix + "\U0010ffff"))
