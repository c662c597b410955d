"""A system of the benchmark's own: a home, a migrated database with a user, contacts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ictcore.runtime import Runtime, load_runtime
from ictcore.store.schema import migrate
from ictcore.usecases.bootstrap import bootstrap

PASSWORD = "benchmark-password"


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards; not below a RAM disk when there is another place: commits are measured."""
    places = [place for place in ("/var/tmp", tempfile.gettempdir()) if Path(place).is_dir()]
    with tempfile.TemporaryDirectory(prefix="ictcore-bench-", dir=places[0]) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def new_system(home: Path, flags: Mapping[str, Any] | None = None, *, url: str = "") -> Runtime:
    """A migrated system with its administrator, whose password is :data:`PASSWORD`."""
    home.mkdir(parents=True, exist_ok=True)
    runtime = load_runtime(variables={}, flags={"core.home": str(home), "database.url": url or None, **(flags or {})})
    migrate(runtime.store)
    bootstrap(runtime.system, admin_password=PASSWORD)
    return runtime


def add_contacts(runtime: Runtime, count: int) -> None:
    """Contacts of the administrator, ids from 1."""
    with runtime.store.transaction() as store:
        store.many(
            "INSERT INTO contact (created_by, created_at, first_name, last_name, phone, email, address, custom1,"
            " description) VALUES (1, 1700000000.0, ?, ?, ?, ?, ?, ?, ?)",
            (
                (f"First{n}", f"Last{n}", f"+4930{n:08}", f"user{n}@example.org", f"Street {n}", "gold", "A contact")
                for n in range(1, count + 1)
            ),
        )
        if not store.is_sqlite:
            store.run("ANALYZE contact")
