"""The first schema."""

from ictcore.store.models import ALL


def up(migrator, db):
    with db.bind_ctx(ALL):
        db.create_tables(ALL)
