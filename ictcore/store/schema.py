"""Creating and migrating the schema. Calling it again changes nothing; two processes may call it at once."""

from __future__ import annotations

import fcntl
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playhouse.migrations import Runner

from ictcore.store.database import Store
from ictcore.store.models import ALL

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x1C7C0DE  # any number: PostgreSQL's advisory lock that keeps two migrating processes apart

log = logging.getLogger(__name__)


def migrate(store: Store) -> list[str]:
    """Apply all migrations that are still to be applied; their names, in order.

    :raises StoreUnavailable: the database cannot be used.
    """
    with _alone(store):
        applied: list[str] = Runner(store.db, str(MIGRATIONS)).up()
    for name in applied:
        log.info("applied migration %s", name)
    return applied


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """One migrating process at a time."""
    if store.path is None:
        store.row("SELECT pg_advisory_lock(?)", (_LOCK,))
        try:
            yield
        finally:
            store.row("SELECT pg_advisory_unlock(?)", (_LOCK,))
        return
    store.path.parent.mkdir(parents=True, exist_ok=True)
    with store.path.with_name(store.path.name + ".migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pending(store: Store) -> list[str]:
    """Names of the migrations that are still to be applied, in order.

    :raises StoreUnavailable: the database cannot be used, or has never been migrated.
    """
    applied = {name for (name,) in store.rows("SELECT name FROM schema_migration")}
    return sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py") if path.stem not in applied)


def create_from_models(store: Store) -> None:
    """Create all tables as the models describe them, without migrations. For tests that compare the two."""
    with store.db.bind_ctx(ALL):
        store.db.create_tables(ALL)


def describe(store: Store) -> dict[str, str]:
    """Name -> definition of every table column and index, in a form that can be compared."""
    if store.is_sqlite:
        found = store.rows(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> 'schema_migration'"
        )
        return {name: re.sub(r"\s+", " ", sql) for name, sql in found}
    columns = store.rows(
        "SELECT table_name || '.' || column_name,"
        " data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')"
        " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migration'"
    )
    indexes = store.rows(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'schema_migration'"
    )
    keys = store.rows(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid <> 'schema_migration'::regclass"
    )
    return dict(columns + indexes + [(f"constraint {name}", text) for name, text in keys])
