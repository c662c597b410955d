"""The store: the same promises on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ictcore.domain.errors import Conflict, InvalidInput, StoreUnavailable
from ictcore.store.copy import copy
from ictcore.store.database import Store
from ictcore.store.models import ALL
from ictcore.store.schema import create_from_models, describe, migrate

ADD = "INSERT INTO contact (created_by, created_at, phone) VALUES (?, ?, ?) RETURNING id"


def count(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM contact"))


class TestStatements:
    def test_values_come_back_unchanged(self, store: Store) -> None:
        text = "'; DROP TABLE contact; -- \" % ? \\ \r\n 漢字 😀 [contact:phone]"
        row_id = store.value(ADD, (1, 1.5, text))
        assert store.row("SELECT phone, created_at FROM contact WHERE id = ?", (row_id,)) == (text, 1.5)

    def test_many_and_stream(self, store: Store) -> None:
        with store.transaction():
            store.many("INSERT INTO contact (created_at, phone) VALUES (?, ?)", [(1.0, str(n)) for n in range(25)])
            batches = list(store.stream("SELECT id FROM contact ORDER BY id", size=10))
        assert [len(batch) for batch in batches] == [10, 10, 5]

    def test_run_tells_how_many_rows_changed(self, store: Store) -> None:
        for phone in "aab":
            store.value(ADD, (1, 1.0, phone))
        assert store.run("UPDATE contact SET phone = 'c' WHERE phone = ?", ("a",)) == 2


class TestTransactions:
    def test_all_or_nothing(self, store: Store) -> None:
        with pytest.raises(RuntimeError), store.transaction():
            store.value(ADD, (1, 1.0, "x"))
            raise RuntimeError
        assert count(store) == 0

    def test_an_inner_one_joins_the_outer(self, store: Store) -> None:
        with pytest.raises(RuntimeError), store.transaction():
            with store.transaction():
                store.value(ADD, (1, 1.0, "x"))
            raise RuntimeError
        assert count(store) == 0
        assert not store.in_transaction

    def test_a_broken_constraint_is_a_conflict_and_keeps_nothing(self, store: Store) -> None:
        add = "INSERT INTO node (name, created_at) VALUES (?, ?)"
        with pytest.raises(Conflict), store.transaction():
            store.run(add, ("one", 1.0))
            store.run(add, ("one", 1.0))
        assert store.value("SELECT count(*) FROM node") == 0

    def test_threads_have_connections_of_their_own(self, store: Store) -> None:
        seen = []

        def other() -> None:
            seen.append(count(store))
            store.close()

        with store.transaction():
            store.value(ADD, (1, 1.0, "x"))
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert seen == [0]
        assert count(store) == 1

    def test_it_is_durable(self, tmp_path: Path) -> None:
        store = Store(f"sqlite:///{tmp_path / 'd.db'}")
        assert store.value("PRAGMA synchronous") == 2  # FULL
        assert store.value("PRAGMA journal_mode") == "wal"
        store.close()


class TestFaults:
    @pytest.mark.parametrize("url", ["mysql://x", "", "/tmp/x.db"], ids=["other engine", "empty", "a path"])
    def test_a_url_of_no_engine_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            Store(url)
        assert "database.url" in caught.value.fields

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "x.db").write_text("this is no database, and it is long enough to be seen as none" * 20)
        store = Store(f"sqlite:///{tmp_path / 'x.db'}")
        with pytest.raises(Exception, match="not a database"):
            store.rows("SELECT 1 FROM contact")

    def test_a_locked_database_is_unavailable(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'x.db'}"
        first, second = Store(url), Store(url, timeout=0.01)
        migrate(first)
        with first.transaction(), pytest.raises(StoreUnavailable), second.transaction():
            pass
        first.close()
        second.close()

    @pytest.mark.postgresql
    def test_a_restarted_server_is_used_again(self, postgres_server_of_my_own: str, restart: object) -> None:
        store = Store(postgres_server_of_my_own)
        migrate(store)
        store.value(ADD, (1, 1.0, "x"))
        restart()  # type: ignore[operator]
        assert count(store) == 1
        with store.transaction():
            store.value(ADD, (1, 1.0, "y"))
        assert count(store) == 2
        store.close()

    @pytest.mark.postgresql
    def test_a_restart_in_the_middle_keeps_nothing_of_the_transaction(
        self, postgres_server_of_my_own: str, restart: object
    ) -> None:
        store = Store(postgres_server_of_my_own)
        migrate(store)
        with pytest.raises(StoreUnavailable), store.transaction():
            store.value(ADD, (1, 1.0, "x"))
            restart()  # type: ignore[operator]
            store.value(ADD, (1, 1.0, "y"))
        assert count(store) == 0
        store.close()


@pytest.fixture
def own_server(postgres_server: object):  # type: ignore[no-untyped-def]
    """A server that may be restarted without disturbing other tests."""
    from ictcore.testing.postgres import PostgresServer

    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture
def postgres_server_of_my_own(own_server) -> str:  # type: ignore[no-untyped-def]
    return own_server.create_database("mine")  # type: ignore[no-any-return]


@pytest.fixture
def restart(own_server):  # type: ignore[no-untyped-def]
    return own_server.restart


class TestSchema:
    def test_a_fresh_schema_equals_the_migrated_one(self, empty_store: Store, tmp_path: Path) -> None:
        migrate(empty_store)
        migrated = describe(empty_store)
        if empty_store.is_sqlite:
            fresh = Store(f"sqlite:///{tmp_path / 'fresh.db'}")
            create_from_models(fresh)
            created = describe(fresh)
            fresh.close()
        else:
            empty_store.run("DROP SCHEMA public CASCADE")
            empty_store.run("CREATE SCHEMA public")
            empty_store.run("CREATE TABLE schema_migration (id BIGINT)")
            create_from_models(empty_store)
            created = describe(empty_store)
        assert created == migrated
        assert len(created) > 2 * len(ALL)

    def test_migrating_again_changes_nothing(self, store: Store) -> None:
        assert migrate(store) == []

    def test_two_processes_may_migrate_at_once(self, empty_store: Store) -> None:
        applied: list[list[str]] = []

        def work() -> None:
            applied.append(migrate(empty_store))
            empty_store.close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(len, applied)) == [0, 0, max(map(len, applied))]


class TestCopy:
    def test_everything_arrives_and_new_rows_get_new_ids(self, store: Store, tmp_path: Path) -> None:
        source = Store(f"sqlite:///{tmp_path / 'source.db'}")
        migrate(source)
        for number in range(5):
            source.value(ADD, (1, 1.0, f"0{number}"))
        source.run("INSERT INTO usr (username, created_at) VALUES ('ada', 1.0)")
        told = dict.fromkeys(("contact", "usr"), 0)
        assert copy(source, store, told.__setitem__) == 6
        assert (told["contact"], told["usr"]) == (5, 1)
        assert store.rows("SELECT id, phone FROM contact ORDER BY id") == source.rows(
            "SELECT id, phone FROM contact ORDER BY id"
        )
        assert store.value(ADD, (1, 1.0, "new")) == 6
        source.close()

    def test_a_target_with_rows_is_refused(self, store: Store, tmp_path: Path) -> None:
        source = Store(f"sqlite:///{tmp_path / 'source.db'}")
        migrate(source)
        store.value(ADD, (1, 1.0, "mine"))
        with pytest.raises(Conflict, match="not empty"):
            copy(source, store)
        assert count(store) == 1
        source.close()
