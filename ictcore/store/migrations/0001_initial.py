"""The first schema."""

from typing import Any

from ictcore.store.models import ALL


def up(migrator: Any, db: Any) -> None:
    with db.bind_ctx(ALL):
        db.create_tables(ALL)
