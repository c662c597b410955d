"""Import, export and sample of a group's contacts, on both engines."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falcon
import pytest
from falcon import testing

from ictcore.api.app import create_app
from ictcore.api.resources import contact_csv
from ictcore.domain.contact_csv import COLUMNS
from ictcore.domain.errors import StoreUnavailable
from ictcore.domain.user import Actor
from ictcore.plugins import Registry
from ictcore.runtime import core_settings
from ictcore.settings import LoadedSettings
from ictcore.store import contact_bulk
from ictcore.store.database import Store
from ictcore.store.schema import migrate
from ictcore.testing.postgres import PostgresServer
from ictcore.usecases.import_files import SHOWN
from ictcore.usecases.system import System

OWN = frozenset({"contact_create", "contact_list", "group_create", "group_read", "group_update"})
ALL = frozenset({"contact", "group"})
ACTORS = {
    "ann": Actor(1, "ann", OWN),
    "bob": Actor(2, "bob", OWN),
    "reader": Actor(1, "reader", frozenset({"group_read", "contact_list"})),
    "admin": Actor(3, "admin", ALL),
}


class Api:
    """The API without a server; ``Authorization`` is the actor's name."""

    def __init__(self, store: Store, home: Path) -> None:
        self.store = store
        self.home = home
        self.system = System(store, Registry(), LoadedSettings(core_settings()), home)
        app = create_app(self.system, lambda header, address: ACTORS[header or ""], contact_csv.OPERATIONS)
        self.client = testing.TestClient(app)

    def group(self, owner: int | None = 1) -> int:
        return self.system.rows.group.insert({"name": "g"}, owner, 1.0)

    def post(self, group: int, content: bytes | str, *, actor: str = "ann", **options: Any) -> testing.Result:
        options.setdefault("path", f"/groups/{group}/csv")
        headers = {"Authorization": actor, "Content-Type": "text/csv", **options.pop("headers", {})}
        return self.client.simulate_post(body=content, headers=headers, **options)

    def get(self, path: str, *, actor: str = "ann", **options: Any) -> testing.Result:
        return self.client.simulate_get(path, headers={"Authorization": actor}, **options)

    def phones(self, group: int) -> list[str]:
        return [
            phone
            for (phone,) in self.store.rows(
                "SELECT phone FROM contact c JOIN contact_link l ON l.contact_id = c.id WHERE group_id = ? ORDER BY id",
                (group,),
            )
        ]

    def count(self, table: str) -> int:
        return int(self.store.value(f"SELECT count(*) FROM {table}"))

    def total(self, group: int) -> int:
        return int(self.store.value("SELECT contact_total FROM contact_group WHERE id = ?", (group,)))


@pytest.fixture(scope="module")
def postgres_store(postgres_server: PostgresServer) -> Iterator[Store]:
    """A migrated PostgreSQL database for the tests of this file, one after the other."""
    store = Store(postgres_server.create_database(f"csv_{uuid.uuid4().hex}"))
    migrate(store)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """The API over empty tables."""
    if request.param == "postgresql":
        store = request.getfixturevalue("postgres_store")
        store.run("TRUNCATE contact, contact_group, contact_link, import_report RESTART IDENTITY CASCADE")
        store.run("ALTER SEQUENCE contact_id_seq INCREMENT BY 1")
        yield Api(store, tmp_path)
        return
    store = Store(f"sqlite:///{tmp_path / 'test.db'}", durable=False)
    migrate(store)
    yield Api(store, tmp_path)
    store.close()


@pytest.fixture
def group(api: Api) -> int:
    return api.group()


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows at a time, so that few rows make many slices."""
    monkeypatch.setattr(contact_bulk, "SLICE", 10)
    monkeypatch.setattr("ictcore.usecases.contact_csv.SLICE", 10)


def numbers(first: int, count: int) -> str:
    return "".join(f"+49{number},A,B,,,,,,\r\n" for number in range(first, first + count))


def test_import(api: Api, group: int) -> None:
    answer = api.post(
        group, '+4930,Zoë,"B, C",a@b.de,S,x,y,z,"two\nlines"\nbad,,,,,,,,\n\n0049,,,,,,,,\n+49 30,,,,,,,,'
    )
    assert answer.status_code == 200
    assert answer.json == {
        "group_id": group, "total": 4, "imported": 2, "duplicates": 1, "failed": 1,
        "bad_rows": [{"line": 3, "field": "phone", "reason": "is no telephone number"}],
        "report_id": answer.json["report_id"], "ignored_columns": [],
    }  # fmt: skip
    assert api.phones(group) == ["+4930", "0049"]
    assert api.total(group) == 2
    stored = api.store.rows(f"SELECT created_by, updated_at, {', '.join(COLUMNS)} FROM contact ORDER BY id")
    assert stored[0] == (1, None, "+4930", "Zoë", "B, C", "a@b.de", "S", "x", "y", "z", "two\nlines")


@pytest.mark.parametrize("path", ["/groups/{}/csv", "/groups/import/contact_group/{}"])
def test_both_forms_of_the_path_import(api: Api, group: int, path: str) -> None:
    assert api.post(group, "1234", path=path.format(group)).json["imported"] == 1


@pytest.mark.usefixtures("small_slices")
def test_contacts_with_the_same_number(api: Api, group: int) -> None:
    """They are found in the same slice, in an earlier one, and in the group; other groups do not count."""
    other = api.group()
    api.post(other, numbers(500, 5))
    first = api.post(group, numbers(100, 35) + numbers(100, 3) + numbers(130, 10) + numbers(500, 2)).json
    assert (first["total"], first["imported"], first["duplicates"]) == (50, 42, 8)
    second = api.post(group, numbers(130, 20)).json
    assert (second["total"], second["imported"], second["duplicates"]) == (20, 10, 10)
    assert len(set(api.phones(group))) == len(api.phones(group)) == api.total(group) == 52


@pytest.mark.usefixtures("small_slices")
def test_contacts_with_the_same_number_can_be_kept(api: Api, group: int) -> None:
    api.post(group, numbers(100, 5))
    answer = api.post(group, numbers(100, 25) + numbers(120, 5), query_string="duplicates=keep").json
    assert (answer["total"], answer["imported"], answer["duplicates"]) == (30, 30, 10)
    assert len(api.phones(group)) == api.total(group) == 35


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("bits", [8, 1 << 27], ids=["filter full", "filter sparse"])
def test_what_the_filter_suspects_is_looked_up(
    api: Api, group: int, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With eight bits nearly every new number looks as if it had been met before."""
    monkeypatch.setattr("ictcore.store.number_filter.BITS", bits)
    answer = api.post(group, numbers(100, 60) + numbers(100, 60)).json
    assert (answer["imported"], answer["duplicates"]) == (60, 60)


def test_contacts_without_a_number_are_never_the_same(api: Api, group: int) -> None:
    answer = api.post(group, ",A,,a@b.de,,,,,\n" * 3).json
    assert (answer["imported"], answer["duplicates"]) == (3, 0)


@pytest.mark.parametrize("owner", [2, None], ids=["of another user", "of nobody"])
def test_numbers_of_somebody_elses_contacts_in_the_group_count(api: Api, group: int, owner: int | None) -> None:
    contact = api.system.rows.contact.insert({"phone": "1234"}, owner, 1.0)
    api.store.run("INSERT INTO contact_link (group_id, contact_id) VALUES (?, ?)", (group, contact))
    answer = api.post(group, "1234\n5678\n").json
    assert (answer["imported"], answer["duplicates"]) == (1, 1)


@pytest.mark.parametrize("bad", [SHOWN - 1, SHOWN, SHOWN + 1, 3 * SHOWN])
def test_the_report_has_every_bad_row(api: Api, group: int, bad: int) -> None:
    answer = api.post(group, "x\n" * bad + "1234\n").json
    assert answer["failed"] == bad
    assert len(answer["bad_rows"]) == min(bad, SHOWN)
    report = api.get(f"/groups/{group}/csv/reports/{answer['report_id']}")
    assert report.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.reader(io.StringIO(report.text)))
    assert lines[0] == ["line", "field", "reason"]
    assert lines[1:] == [[str(line), "phone", "is no telephone number"] for line in range(1, bad + 1)]


def test_reports_are_kept_apart(api: Api, group: int) -> None:
    report = api.post(group, "x").json["report_id"]
    other = api.group()
    strange = api.group(owner=2)
    assert api.get(f"/groups/{group}/csv/reports/{report}").status_code == 200
    assert api.get(f"/groups/{other}/csv/reports/{report}").status_code == 404
    assert api.get(f"/groups/{group}/csv/reports/{report + 1}").status_code == 404
    assert api.get(f"/groups/{group}/csv/reports/{report}", actor="bob").status_code == 404
    assert api.get(f"/groups/{strange}/csv/reports/{report}", actor="bob").status_code == 404


@pytest.mark.parametrize("actor", ["ann", "admin"])
def test_contacts_belong_to_the_owner_of_the_group(api: Api, group: int, actor: str) -> None:
    assert api.post(group, "1234", actor=actor).status_code == 200
    assert api.store.rows("SELECT created_by FROM contact") == [(1,)]


def test_a_strangers_group_does_not_exist(api: Api, group: int) -> None:
    assert api.post(group, "1234", actor="bob").status_code == 404
    assert api.get(f"/groups/{group}/csv", actor="bob").status_code == 404
    assert api.get(f"/groups/{group + 1}/csv").status_code == 404
    assert api.post(group + 1, "1234").status_code == 404
    assert api.count("contact") == 0


def test_permissions(api: Api, group: int) -> None:
    assert api.post(group, "1234", actor="reader").status_code == 403
    assert api.get(f"/groups/{group}/csv", actor="reader").status_code == 200


REFUSED = {
    "empty": (b"", {}, "body"),
    "UTF-16": ("1234".encode("utf-16"), {}, "body"),
    "header twice": (b"phone,phone\n1,2", {}, "body"),
    "JSON": (b"{}", {"headers": {"Content-Type": "application/json"}}, "Content-Type"),
    "a form": (b"x", {"headers": {"Content-Type": "multipart/form-data; boundary=x"}}, "Content-Type"),
    "duplicates": (b"1234", {"query_string": "duplicates=maybe"}, "duplicates"),
}


@pytest.mark.parametrize(("content", "options", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(api: Api, group: int, content: bytes, options: dict[str, Any], field: str) -> None:
    answer = api.post(group, content, **options)
    assert answer.status_code == 412
    assert list(answer.json["error"]["fields"]) == [field]
    assert api.count("import_report") == 0


def test_an_upload_that_ends_early_leaves_nothing(api: Api, group: int) -> None:
    answer = api.post(group, "1234\n", headers={"Content-Length": "50"})
    assert answer.status_code == 412
    assert "body" in answer.json["error"]["fields"]
    assert api.count("contact") == api.count("import_report") == 0


def test_chunked_uploads(api: Api, group: int) -> None:
    """Where the server decodes chunks (``wsgi.input_terminated``) the body ends where the stream does."""
    chunked = {"Transfer-Encoding": "chunked"}
    environ = {"wsgi.input": io.BytesIO(b"1234\n5678\n"), "CONTENT_LENGTH": ""}
    answer = api.post(group, b"", headers=chunked, extras={**environ, "wsgi.input_terminated": True})
    assert answer.json["imported"] == 2
    assert api.post(group, b"", headers=chunked, extras=environ).status_code == 412


@pytest.mark.usefixtures("small_slices")
def test_an_import_that_fails_leaves_nothing(api: Api, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    api.post(group, numbers(0, 10))
    before = (api.count("contact"), api.count("contact_link"), api.total(group), api.count("import_report"))
    real = contact_bulk.GroupImport.add
    slices = 0

    def add(self: contact_bulk.GroupImport, rows: Any) -> None:
        nonlocal slices
        slices += 1
        if slices == 4:
            raise StoreUnavailable("the disk is full")
        real(self, rows)

    monkeypatch.setattr(contact_bulk.GroupImport, "add", add)
    answer = api.post(group, "x\n" * 2000 + numbers(100, 100))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert (api.count("contact"), api.count("contact_link"), api.total(group), api.count("import_report")) == before
    assert list((api.home / "imports").iterdir()) == []
    monkeypatch.setattr(contact_bulk.GroupImport, "add", real)
    assert api.post(group, numbers(100, 100)).json["imported"] == 100


def test_no_room_for_the_upload(api: Api, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ictcore.usecases.import_files.LARGEST", 10)
    assert api.post(group, "1234\n" * 10).status_code == 412
    assert api.count("contact") == 0


@pytest.mark.parametrize("path", ["/groups/{}/csv", "/groups/{}/export/contact.csv"])
def test_export(api: Api, group: int, path: str) -> None:
    api.post(group, '+4930,=1+1,"B ""C""",a@b.de,-x,@y,\'z,"+1, 2","two\nlines"\n0049\n')
    answer = api.get(path.format(group))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="group_{group}.csv"'
    assert answer.content == (
        b'"+4930","\'=1+1","B ""C""","a@b.de","\'-x","\'@y","\'z","\'+1, 2","two\nlines"\r\n'
        b'"0049","","","","","","","",""\r\n'
    )
    with_header = api.get(path.format(group), query_string="header=1").content
    assert with_header == ",".join(f'"{name}"' for name in COLUMNS).encode() + b"\r\n" + answer.content
    assert api.get(path.format(group), query_string="header=x").status_code == 412


def test_what_is_exported_can_be_imported(api: Api, group: int) -> None:
    api.post(group, '+4930,=1+1,\'=A,,"a, b",-x,@y,z,"two\r\nlines"\n' + numbers(100, 5000))
    content = api.get(f"/groups/{group}/csv").content
    other = api.group()
    answer = api.post(other, content).json
    assert (answer["imported"], answer["failed"]) == (5001, 0)
    assert api.get(f"/groups/{other}/csv").content == content


def test_an_export_has_only_contacts_that_the_actor_sees(api: Api, group: int) -> None:
    for owner, phone in ((1, "1111"), (2, "2222")):
        contact = api.system.rows.contact.insert({"phone": phone}, owner, 1.0)
        api.store.run("INSERT INTO contact_link (group_id, contact_id) VALUES (?, ?)", (group, contact))
    assert api.get(f"/groups/{group}/csv").content.count(b"\r\n") == 1
    assert api.get(f"/groups/{group}/csv", actor="admin").content.count(b"\r\n") == 2


def test_an_export_of_nothing(api: Api, group: int) -> None:
    answer = api.get(f"/groups/{group}/csv")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/groups/sample/csv", "/groups/import/contact_csv/sample"])
def test_the_sample_can_be_imported(api: Api, group: int, path: str) -> None:
    answer = api.get(path)
    assert answer.headers["content-disposition"] == 'attachment; filename="contact_sample.csv"'
    assert answer.content.count(b"\r\n") == 2
    assert api.post(group, answer.content).json["imported"] == 2


@pytest.mark.parametrize("api", ["sqlite"], indirect=True)
def test_no_room_on_the_disk(api: Api, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """``/dev/full`` fails every write with ENOSPC."""
    monkeypatch.setattr(
        "ictcore.usecases.import_files.tempfile.TemporaryFile", lambda **options: io.FileIO("/dev/full", "w")
    )
    answer = api.post(group, "1234\n")
    assert answer.status_code == falcon.http_status_to_code(falcon.HTTP_503)
    assert api.count("contact") == 0


def test_a_page_full_of_unseen_contacts_does_not_end_an_export(api: Api, group: int) -> None:
    with api.store.transaction() as store:
        for number, owner in enumerate([1] + [2] * 10 + [1]):
            contact = api.system.rows.contact.insert({"phone": f"{number:04}"}, owner, 1.0)
            store.run("INSERT INTO contact_link (group_id, contact_id) VALUES (?, ?)", (group, contact))
    pages = list(contact_bulk.group_contacts(api.store, group, 1, size=3))
    assert [row[0] for page in pages for row in page] == ["0000", "0011"]


@pytest.mark.parametrize("api", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
def test_ids_that_do_not_follow_each_other(api: Api, group: int) -> None:
    """As when another process adds contacts meanwhile."""
    api.store.run("ALTER SEQUENCE contact_id_seq INCREMENT BY 7")
    assert api.post(group, numbers(100, 30)).json["imported"] == 30
    assert len(api.phones(group)) == 30


HOSTILE = ["\\", "\\N", "\\.", "a\\tb", "$$", "%s", "{}", "'; DROP TABLE contact; --", "NULL", "\u2028", "\u0085", "😀"]


def test_hostile_values_are_kept_as_they_are(api: Api, group: int) -> None:
    kept = [(value, f"{value}\r\n\t{value}\\") for value in HOSTILE]
    assert api.post(
        group, "".join(f'1234,"{name}",,,,,,,"{text}"\n' for name, text in kept), query_string="duplicates=keep"
    ).json["imported"] == len(kept)
    assert api.store.rows("SELECT first_name, description FROM contact ORDER BY id") == kept
