from __future__ import annotations

import pytest


def names(rows) -> list[str]:
    return [row["first_name"] for row in rows]


@pytest.fixture
def people(ada) -> list[int]:
    return [
        ada.post("/contacts", {"first_name": name, "phone": phone, "custom1": group})["contact_id"]
        for name, phone, group in (("Ann", "100", "x"), ("Bea", "101", "y"), ("Cid", "200", "x"), ("Dan", "300", "x"))
    ]


@pytest.mark.both_engines
def test_a_contact_lives(ada, clock):
    contact_id = ada.post("/contacts", {"first_name": "Ann", "phone": 3001234567, "email": "a@x.org"})["contact_id"]
    contact = ada.get(f"/contacts/{contact_id}")
    assert contact["phone"] == "3001234567"
    assert (contact["user_id"], contact["date_created"]) == (ada.actor.user_id, int(clock.now.timestamp()))
    clock.forward(5)
    changed = ada.put(f"/contacts/{contact_id}", {"phone": "03001234567", "email": None})
    assert changed == {**contact, "phone": "03001234567", "email": "", "last_updated": contact["date_created"] + 5}
    assert ada.delete(f"/contacts/{contact_id}") is True
    ada.refused(404, "GET", f"/contacts/{contact_id}")
    ada.refused(404, "DELETE", f"/contacts/{contact_id}")


LISTS = [
    pytest.param({}, ["Ann", "Bea", "Cid", "Dan"], id="all by id"),
    pytest.param({"limit": 2}, ["Ann", "Bea"], id="limit"),
    pytest.param({"limit": 2, "offset": 3}, ["Dan"], id="offset"),
    pytest.param({"offset": 9}, [], id="offset behind the end"),
    pytest.param({"sort": "-first_name"}, ["Dan", "Cid", "Bea", "Ann"], id="sorted down"),
    pytest.param({"sort": "custom1,-phone"}, ["Dan", "Cid", "Ann", "Bea"], id="sorted by two"),
    pytest.param({"phone": "101"}, ["Bea"], id="equal"),
    pytest.param({"phone": "10*"}, ["Ann", "Bea"], id="prefix"),
    pytest.param({"phone": "1"}, [], id="no prefix without a star"),
    pytest.param({"phone": "*"}, ["Ann", "Bea", "Cid", "Dan"], id="any"),
    pytest.param({"custom1": "x", "phone": "200"}, ["Cid"], id="both"),
    pytest.param({"first_name": "' OR 1=1 --"}, [], id="SQL"),
    pytest.param({"first_name": "%"}, [], id="percent is no wildcard"),
    pytest.param({"before": "0"}, [], id="before"),
    pytest.param({"after": "1900000000"}, ["Ann", "Bea", "Cid", "Dan"], id="after"),
    pytest.param({"date_created": "1935392400"}, ["Ann", "Bea", "Cid", "Dan"], id="moment"),
]


@pytest.mark.both_engines
def test_lists(ada, people):
    for case in LISTS:
        params, expected = case.values
        assert names(ada.get("/contacts", **params)) == expected, case.id


PAGES = [
    pytest.param("", "4", None, id="one page"),
    pytest.param("limit=2", "4", {"next": 2}, id="first of two"),
    pytest.param("limit=2&offset=2", "4", {"prev": 0, "first": 0}, id="last"),
    pytest.param("limit=1&offset=1&custom1=x", "3", {"prev": 0, "first": 0, "next": 2}, id="middle, filtered"),
    pytest.param("offset=10", "4", {"prev": 0, "first": 0}, id="behind the end"),
]


@pytest.mark.parametrize(("query", "total", "links"), PAGES)
def test_pages_tell_of_the_others(query, total, links, ada, people):
    result = ada.call("GET", "/contacts", query_string=query)
    assert result.headers["X-Total-Count"] == total
    assert "X-Total-Count-Exact" not in result.headers
    found = {}
    for link in result.headers.get("Link", "").split(", "):
        if link:
            target, _, relation = link.partition("; ")
            found[relation[5:-1]] = int(target.strip("<>").rpartition("offset=")[2])
            assert ("custom1=x" in target) == ("custom1=x" in query)
    assert (found or None) == links


@pytest.mark.both_engines
def test_groups_count_their_contacts(ada, people):
    group_id = ada.post("/groups", {"name": "Friends", "description": "d"})["group_id"]
    group = ada.get(f"/groups/{group_id}")
    assert (group["id"], group["group_id"], group["name"], group["contact_total"]) == (group_id, group_id, "Friends", 0)
    for contact_id in people[:3]:
        assert ada.put(f"/contacts/{contact_id}/link/{group_id}")["contact_id"] == contact_id
    ada.refused(417, "PUT", f"/contacts/{people[0]}/link/{group_id}")
    assert ada.get(f"/groups/{group_id}")["contact_total"] == 3
    assert names(ada.get(f"/groups/{group_id}/contacts", custom1="x")) == ["Ann", "Cid"]
    assert names(ada.get("/contacts", group_id=group_id, sort="-phone")) == ["Cid", "Bea", "Ann"]
    assert ada.delete(f"/contacts/{people[0]}/link/{group_id}")["contact_id"] == people[0]
    ada.refused(404, "DELETE", f"/contacts/{people[0]}/link/{group_id}")
    ada.delete(f"/contacts/{people[1]}")
    assert ada.get(f"/groups/{group_id}")["contact_total"] == 1
    assert ada.put(f"/groups/{group_id}", {"name": "Foes"})["name"] == "Foes"
    assert [row["id"] for row in ada.get("/groups", name="Foes")] == [group_id]
    ada.delete(f"/groups/{group_id}")
    assert names(ada.get("/contacts")) == ["Ann", "Cid", "Dan"]


def test_a_contact_leaves_its_transmissions_behind(ada, world):
    ada.delete(f"/contacts/{world.ids['contact_id']}")
    assert ada.get(f"/transmissions/{world.pending}")["contact_id"] is None
    ada.refused(412, "POST", f"/transmissions/{world.pending}/send")
    ada.refused(417, "GET", f"/transmissions/{world.pending}/clone")


def test_totals_beyond_the_limit_are_lower_bounds(ada, system, monkeypatch):
    monkeypatch.setattr("ictcore.store.table.COUNT_LIMIT", 3)
    for _ in range(5):
        ada.post("/contacts", {})
    result = ada.call("GET", "/contacts", query_string="limit=1")
    assert (result.headers["X-Total-Count"], result.headers["X-Total-Count-Exact"]) == ("3", "false")
    assert 'rel="next"' in result.headers["Link"]
    result = ada.call("GET", "/contacts", query_string="limit=1&count=exact")
    assert result.headers["X-Total-Count"] == "5"


def test_large_totals_are_remembered_for_a_moment(ada, monkeypatch):
    monkeypatch.setattr("ictcore.store.table.COUNT_FRESH", 2)
    now = [0.0]
    monkeypatch.setattr("ictcore.store.table.monotonic", lambda: now[0])

    def total(query: str = "limit=1") -> str:
        return ada.call("GET", "/contacts", query_string=query).headers["X-Total-Count"]

    for expected in ("1", "2", "3"):
        ada.post("/contacts", {"first_name": "Ann"})
        assert total() == expected
    ada.post("/contacts", {"first_name": "Bob"})
    assert (total(), total("limit=1&count=exact"), total("limit=1&first_name=Bob")) == ("3", "4", "1")
    now[0] += 3
    assert total() == "4"


@pytest.mark.both_engines
def test_contacts_of_two_groups_and_sorted(ada, people):
    groups = [ada.post("/groups", {"name": name})["group_id"] for name in "ab"]
    for group_id, members in zip(groups, ((0, 1, 2), (1, 2, 3)), strict=True):
        for number in members:
            ada.put(f"/contacts/{people[number]}/link/{group_id}")
    path = f"/groups/{groups[0]}/contacts"
    assert names(ada.get(path, group_id=groups[1])) == ["Bea", "Cid"]
    assert names(ada.get(path, sort="-contact_id", limit=2)) == ["Cid", "Bea"]
    assert names(ada.get(path, sort="-custom1", offset=1)) == ["Ann", "Cid"]
    assert names(ada.get("/contacts", group_id=groups[1], first_name="Dan")) == ["Dan"]
    result = ada.call("GET", path, query_string="limit=1")
    assert result.headers["X-Total-Count"] == "3"
    assert ada.call("GET", path, query_string="limit=1&count=exact").headers["X-Total-Count"] == "3"


PLANS = [
    pytest.param("/groups/1/contacts", {}, "contact_link", id="group"),
    pytest.param("/contacts", {"group_id": "1"}, "contact_link", id="group filter"),
    pytest.param("/contacts", {"phone": "1"}, "contact_phone", id="phone"),
    pytest.param("/contacts", {}, "contact_owner", id="owner"),
    pytest.param("/transmissions", {"contact_phone": "1"}, "contact_phone", id="contact of a transmission"),
    pytest.param("/transmissions", {"contact_email": "1"}, "contact_email", id="address of a transmission"),
    pytest.param("/transmissions", {"account_phone": "1"}, "account_phone", id="account of a transmission"),
]


@pytest.mark.parametrize(("path", "params", "index"), PLANS)
def test_lists_use_their_indexes(path, params, index, ada, system, monkeypatch):
    """A list costs the same with ten rows and ten million: nothing is read that is not on the page, or is sorted."""
    ada.post("/groups", {"name": "g"})
    seen: list[tuple] = []
    rows = system.store.rows
    monkeypatch.setattr(system.store, "rows", lambda sql, values=(): seen.append((sql, values)) or rows(sql, values))
    ada.get(path, **params)
    sql, values = next((sql, values) for sql, values in seen if "LIMIT" in sql)
    plan = [step[3] for step in rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert not [step for step in plan if step.startswith("SCAN") and "usr" not in step], plan
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
    assert [step for step in plan if index in step], plan
