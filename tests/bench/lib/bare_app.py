"""The yardstick of the API benchmarks: a Falcon application that verifies the token and runs raw SQL, nothing else."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import falcon
import jwt
import msgspec
import psycopg

COLUMNS = (
    "contact_id", "first_name", "last_name", "phone", "email", "address", "custom1", "custom2", "custom3",
    "description", "user_id", "date_created", "last_updated",
)  # fmt: skip
_SELECT = (
    "SELECT id, first_name, last_name, phone, email, address, custom1, custom2, custom3, description, created_by,"
    " CAST(created_at AS BIGINT), CAST(updated_at AS BIGINT) FROM contact"
)
ONE = f"{_SELECT} WHERE id = ? AND created_by = ?"
LIST = f"{_SELECT} WHERE created_by = ? ORDER BY id LIMIT ? OFFSET ?"
COUNT = "SELECT count(*) FROM (SELECT 1 FROM contact WHERE created_by = ? LIMIT 10001) AS counted"
CREATE = (
    "INSERT INTO contact (first_name, last_name, phone, email, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?)"
    " RETURNING id"
)
PRAGMAS = (
    "journal_mode = wal", "synchronous = full", "foreign_keys = 1", "cache_size = -64000", "temp_store = memory",
    "journal_size_limit = 67108864",
)  # fmt: skip


class NewContact(msgspec.Struct):
    """The body of a create."""

    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    email: str = ""


class Database:
    """One connection; SQL with ``?`` for both engines."""

    def __init__(self, name: str) -> None:
        self._postgresql = name.startswith("postgresql:")
        self._connection: Any
        if self._postgresql:
            self._connection = psycopg.connect(name, autocommit=True)
        else:
            self._connection = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
            for pragma in PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}")

    def sql(self, text: str) -> str:
        """``text`` in the engine's parameter style."""
        return text.replace("?", "%s") if self._postgresql else text

    def rows(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """All rows."""
        return self._connection.execute(sql, values).fetchall()  # type: ignore[no-any-return]


class Base:
    """Verifies the token of every request."""

    def __init__(self, database: Database, key: bytes) -> None:
        self.database = database
        self.key = key
        self.encode = msgspec.json.Encoder().encode

    def user(self, request: falcon.Request) -> int:
        """The user that the token names."""
        header = request.get_header("Authorization") or ""
        return int(jwt.decode(header[7:], self.key, algorithms=["HS256"], issuer="ictcore")["user_id"])


class Contacts(Base):
    """``/contacts``"""

    def __init__(self, database: Database, key: bytes) -> None:
        super().__init__(database, key)
        self.decode = msgspec.json.Decoder(NewContact).decode
        self.list, self.count, self.create = database.sql(LIST), database.sql(COUNT), database.sql(CREATE)

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """A page of contacts, and their number unless ``count=0``."""
        user = self.user(request)
        limit = int(request.params.get("limit", 50))
        rows = self.database.rows(self.list, (user, limit, 0))
        if request.params.get("count") != "0":
            total = self.database.rows(self.count, (user,))[0][0]
            response.set_header("X-Total-Count", str(min(total, 10_000)))
        response.data = self.encode([dict(zip(COLUMNS, row, strict=True)) for row in rows])

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """A new contact."""
        user = self.user(request)
        new = self.decode(request.bounded_stream.read())
        values = (new.first_name, new.last_name, new.phone, new.email, user, 1700000000.5)
        response.data = self.encode({"contact_id": self.database.rows(self.create, values)[0][0]})


class Contact(Base):
    """``/contacts/{contact_id}``"""

    def __init__(self, database: Database, key: bytes) -> None:
        super().__init__(database, key)
        self.one = database.sql(ONE)

    def on_get(self, request: falcon.Request, response: falcon.Response, contact_id: int) -> None:
        """One contact."""
        user = self.user(request)
        rows = self.database.rows(self.one, (contact_id, user))
        if not rows:
            raise falcon.HTTPNotFound
        response.data = self.encode(dict(zip(COLUMNS, rows[0], strict=True)))


def create() -> falcon.App[Any, Any]:
    """The application; called by gunicorn in its worker."""
    database, key = Database(os.environ["BENCH_DATABASE"]), bytes.fromhex(os.environ["BENCH_KEY"])
    app: falcon.App[Any, Any] = falcon.App()
    app.add_route("/contacts", Contacts(database, key))
    app.add_route("/contacts/{contact_id:int}", Contact(database, key))
    return app
