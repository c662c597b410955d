"""What all tables share. Models describe tables; queries are SQL text built once (see :mod:`ictcore.store.table`).

Times are epoch seconds (double). ``created_by`` is the owner: the user whose rows these are.
"""

from __future__ import annotations

from typing import Any

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    DoubleField,
    Model,
    ModelIndex,
    NodeList,
    SqliteDatabase,
    TextField,
)


class Id(BigAutoField):
    """The id of a row: a number that is never given to another row, not even after the row was deleted."""

    def ddl(self, ctx: Any) -> Any:
        """SQLite would use the largest id again once its row is gone; PostgreSQL's sequences never go back."""
        definition = super().ddl(ctx)
        if isinstance(self.model._meta.database, SqliteDatabase):
            definition = NodeList((definition, SQL("AUTOINCREMENT")))
        return definition


class Table(Model):
    """Base of all models. Not bound to a database: the store binds them when it needs DDL."""

    class Meta:
        legacy_table_names = False


class Owned(Table):
    """A table whose rows belong to a user."""

    id = Id()
    created_by = BigIntegerField(null=True)
    created_at = DoubleField()
    updated_at = DoubleField(null=True)


def text(default: str = "") -> TextField:
    """A text column that is never NULL."""
    return TextField(default=default, constraints=[_default(f"'{default}'")])


def number(default: int = 0) -> BigIntegerField:
    """A whole-number column that is never NULL."""
    return BigIntegerField(default=default, constraints=[_default(str(default))])


def real(default: float = 0.0) -> DoubleField:
    """A column of epoch seconds or another real number that is never NULL."""
    return DoubleField(default=default, constraints=[_default(str(default))])


def _default(value: str) -> Any:
    return SQL(f"DEFAULT {value}")


def index(model: type[Model], name: str, *columns: str, unique: bool = False, where: str = "") -> None:
    """Add an index called ``name`` on ``columns``; with ``where``, a partial one."""
    fields = [getattr(model, column) for column in columns]
    made = ModelIndex(model, fields, unique=unique, name=name, safe=True)
    if where:
        made = made.where(SQL(where))
    model.add_index(made)
