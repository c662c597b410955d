"""Write the first migration from the models: ``python contrib/schema/freeze.py``. Only before the first release.

A migration must not change when the models do, so it holds the statements themselves, for each engine. Later changes
are migrations of their own, written by hand; a test compares a migrated database with the models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peewee
from playhouse.postgres_ext import Psycopg3Database

from ictcore.store.models import ALL

TARGET = Path(__file__).parents[2] / "ictcore" / "store" / "migrations" / "0001_initial.py"
HEAD = '''"""The first schema. The statements themselves, so that this stays as it was when the models change."""

from typing import Any

'''
TAIL = '''

def up(migrator: Any, db: Any) -> None:
    """Create all tables and indexes."""
    for statement in SQLITE if type(db).__name__.startswith("Sqlite") else POSTGRESQL:
        db.execute_sql(statement)
'''


def statements(database: peewee.Database) -> list[str]:
    """Every CREATE TABLE and CREATE INDEX of the models on this engine, in order."""
    found: list[str] = []
    with database.bind_ctx(ALL):
        for model in ALL:
            schema: Any = model._schema
            for context in (schema._create_table(safe=False), *schema._create_indexes(safe=False)):
                text, values = context.query()
                if values:
                    raise SystemExit(f"a value in a definition cannot be frozen: {text} {values}")
                found.append(text)
    return found


def listed(name: str, found: list[str]) -> str:
    """A Python list of texts, one line each."""
    lines = "".join(f"    {text!r},\n" for text in found)
    return f"{name} = [\n{lines}]\n"


def main() -> None:
    """Write the migration."""
    sqlite = statements(peewee.SqliteDatabase(":memory:"))
    postgresql = statements(Psycopg3Database("unused"))
    TARGET.write_text(HEAD + listed("SQLITE", sqlite) + listed("POSTGRESQL", postgresql) + TAIL)
    print(f"{TARGET.name}: {len(sqlite)} and {len(postgresql)} statements")


if __name__ == "__main__":
    main()
