"""The database, opened: one object for SQLite and PostgreSQL.

SQL is written once with ``?`` for parameters; it is adapted and kept per engine. Values are only ever passed as
parameters. Each thread has a connection of its own, opened at first use and opened anew after it broke.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

import peewee
import psycopg
from playhouse.postgres_ext import Psycopg3Database

from ictcore.domain.errors import Conflict, InvalidInput, StoreUnavailable

Row = tuple[Any, ...]
Engine = Literal["sqlite", "postgresql"]
T = TypeVar("T")

_AWAY = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError, peewee.OperationalError,
         peewee.InterfaceError, sqlite3.ProgrammingError)  # fmt: skip
_CLASH = (sqlite3.IntegrityError, psycopg.IntegrityError, peewee.IntegrityError)
_BROKEN = (sqlite3.DatabaseError, psycopg.Error, peewee.PeeweeException)


class Store:
    """A database that the process uses.

    :param url: ``sqlite:///relative/or//absolute/path.db`` or ``postgresql://user:password@host:port/name``.
    :param durable: SQLite only: whether a commit survives a loss of power (``synchronous=FULL``) or just the death of
        the process (``NORMAL``).
    :param timeout: seconds to wait for SQLite's write lock, or for PostgreSQL to accept a connection.
    :raises InvalidInput: the URL names neither engine.

    Opening does no I/O; the first statement does. Safe to use from many threads.
    """

    def __init__(self, url: str, *, durable: bool = True, timeout: float = 10.0) -> None:
        self.url = url
        scheme = urlsplit(url).scheme
        self.engine: Engine
        if scheme == "sqlite":
            self.engine = "sqlite"
            self.path: Path | None = Path(url.removeprefix("sqlite:///"))
            self.db: peewee.Database = peewee.SqliteDatabase(
                str(self.path),
                timeout=timeout,
                cached_statements=512,
                pragmas={
                    "journal_mode": "wal",
                    "synchronous": "full" if durable else "normal",
                    "foreign_keys": 1,
                    "cache_size": -64_000,
                    "temp_store": "memory",
                    "journal_size_limit": 64 * 1024 * 1024,
                },
            )
        elif scheme in ("postgresql", "postgres"):
            self.engine = "postgresql"
            self.path = None
            self.db = Psycopg3Database(
                url.replace("postgres://", "postgresql://", 1), connect_timeout=max(1, int(timeout))
            )
        else:
            raise InvalidInput(fields={"database.url": "must begin with sqlite:/// or postgresql://"})
        self.is_sqlite: Final = self.engine == "sqlite"
        self._adapted: dict[str, str] = {}
        self._local = threading.local()

    def __repr__(self) -> str:
        return f"<Store {self.engine}>"

    def sql(self, text: str) -> str:
        """``text`` in this engine's parameter style. ``%`` must not occur in it except as an operator."""
        if self.is_sqlite:
            return text
        adapted = self._adapted.get(text)
        if adapted is None:
            adapted = self._adapted[text] = text.replace("%", "%%").replace("?", "%s")
        return adapted

    # -- statements ---------------------------------------------------------------------------------------------------

    def rows(self, text: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows that ``text`` yields."""
        return self._execute(text, values).fetchall()  # type: ignore[no-any-return]

    def row(self, text: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row, or ``None``."""
        return self._execute(text, values).fetchone()  # type: ignore[no-any-return]

    def value(self, text: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or ``None``."""
        row = self._execute(text, values).fetchone()
        return None if row is None else row[0]

    def run(self, text: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; the number of rows that it changed."""
        return self._execute(text, values).rowcount  # type: ignore[no-any-return]

    def many(self, text: str, values: Iterable[Sequence[Any]]) -> None:
        """Execute ``text`` for each of ``values``. Use it inside a transaction."""
        sql = self.sql(text)
        self._guard(lambda: self._cursor().executemany(sql, values))

    def stream(self, text: str, values: Sequence[Any] = (), *, size: int = 1000) -> Iterator[list[Row]]:
        """Rows in batches of ``size``, without holding them all. On PostgreSQL it must run inside a transaction."""
        if self.is_sqlite:
            cursor = self._execute(text, values)
        else:
            cursor = self._connection().cursor(name="stream")
            self._guard(lambda: cursor.execute(self.sql(text), values))
        try:
            while batch := self._guard(lambda: cursor.fetchmany(size)):
                yield batch
        finally:
            cursor.close()

    @contextmanager
    def transaction(self) -> Iterator[Store]:
        """All or nothing. Inside another transaction of the same thread it joins that one.

        On SQLite it takes the write lock at once, so that it cannot fail half-way for want of it.

        :raises StoreUnavailable: the database cannot be used now; nothing was kept.
        :raises Conflict: a constraint was broken; nothing was kept.
        """
        if getattr(self._local, "depth", 0):
            yield self
            return
        self._begin()
        self._local.depth = 1
        try:
            yield self
            self._guard(lambda: self._cursor().execute("COMMIT"))
        except BaseException:
            self._rollback()
            raise
        finally:
            self._local.depth = 0

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside :meth:`transaction`."""
        return bool(getattr(self._local, "depth", 0))

    def driver(self) -> Any:
        """This thread's driver connection (``sqlite3.Connection`` or ``psycopg.Connection``), for bulk work."""
        return self._connection()

    def close(self) -> None:
        """Close this thread's connection. Calling it twice is safe."""
        self.db.close()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _connection(self) -> Any:
        return self.db.connection()  # type: ignore[no-untyped-call]

    def _cursor(self) -> Any:
        return self._connection().cursor()

    def _execute(self, text: str, values: Sequence[Any]) -> Any:
        sql = text if self.is_sqlite else self.sql(text)
        try:
            return self._connection().execute(sql, values)
        except _BROKEN as error:
            if self._came_back(error):
                return self._guard(lambda: self._connection().execute(sql, values))
            raise self._translated(error) from error

    def _begin(self) -> None:
        statement = "BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN"
        try:
            self._cursor().execute(statement)
        except _BROKEN as error:
            if not self._came_back(error):
                raise self._translated(error) from error
            self._guard(lambda: self._cursor().execute(statement))

    def _rollback(self) -> None:
        try:
            self._cursor().execute("ROLLBACK")
        except Exception:
            self._drop()

    def _guard(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except _BROKEN as error:
            raise self._translated(error) from error

    def _drop(self) -> None:
        try:
            self.db.close()
        except Exception:  # the connection is broken: forget it
            self.db._state.reset()  # type: ignore[attr-defined]

    def _came_back(self, error: Exception) -> bool:
        """Whether the connection had broken and a fresh one may be tried: only when nothing can have been done yet."""
        if self.is_sqlite or self.in_transaction or not isinstance(error, _AWAY):
            return False
        self._drop()
        return True

    def _translated(self, error: Exception) -> Exception:
        if isinstance(error, _CLASH):
            return Conflict("it contradicts what is stored")
        if isinstance(error, _AWAY):
            if not self.is_sqlite and not self.in_transaction:
                self._drop()
            return StoreUnavailable(f"the database cannot be used now: {type(error).__name__}: {_first_line(error)}")
        return error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
