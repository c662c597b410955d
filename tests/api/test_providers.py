from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

CARRIER = {"name": "carrier", "type": "smpp", "host": "smsc.example.com", "username": "u", "password": "secret"}


@pytest.mark.both_engines
def test_a_provider_lives(root, clock):
    provider_id = root.post("/providers", {**CARRIER, "settings": {"window": 5}, "register": True, "prefix": 12})[
        "provider_id"
    ]
    provider = root.get(f"/providers/{provider_id}")
    assert provider == {
        "provider_id": provider_id, "name": "carrier", "type": "smpp", "gateway_flag": 2, "service_flag": 4,
        "node_id": None, "host": "smsc.example.com", "port": 2775, "username": "u", "dialstring": "", "prefix": "12",
        "settings": {"window": 5}, "description": "", "register": 1, "weight": 10, "active": 1, "per_second": 0.0,
        "concurrent": 0, "user_id": root.actor.user_id, "date_created": provider["date_created"],
        "last_updated": provider["date_created"], "health": [],
    }  # fmt: skip
    changed = root.put(
        f"/providers/{provider_id}", {"settings": '{"system_type": "VMA"}', "per_second": 7.5, "port": 0}
    )
    assert (changed["settings"], changed["per_second"], changed["port"]) == ({"system_type": "VMA"}, 7.5, 2775)
    assert root.get("/providers", type="smpp") == [changed]
    assert "secret" not in str(changed)
    root.refused(412, "GET", "/providers", params={"password": "secret"})
    assert root.delete(f"/providers/{provider_id}") is True
    root.refused(404, "GET", f"/providers/{provider_id}")


def test_the_password_is_kept_and_changed(root, system):
    provider_id = root.post("/providers", CARRIER)["provider_id"]
    root.put(f"/providers/{provider_id}", {"weight": 1})
    assert system.store.value("SELECT password FROM provider") == "secret"
    root.put(f"/providers/{provider_id}", {"password": "new"})
    assert system.store.value("SELECT password FROM provider") == "new"


@pytest.mark.both_engines
def test_names_are_unique(root):
    root.post("/providers", CARRIER)
    other = root.post("/providers", {**CARRIER, "name": "other"})["provider_id"]
    root.refused(417, "POST", "/providers", CARRIER)
    root.refused(417, "PUT", f"/providers/{other}", {"name": "carrier"})
    assert root.get(f"/providers/{other}")["name"] == "other"


BAD = [
    ({"type": "sip"}, ["type"]),
    ({"type": ""}, ["type"]),
    ({"type": None}, ["type"]),
    ({"name": ""}, ["name"]),
    ({"name": "a b"}, ["name"]),
    ({"name": "-a"}, ["name"]),
    ({"name": "a\nb"}, ["name"]),
    ({"name": "x" * 64}, ["name"]),
    ({"name": "é"}, ["name"]),
    ({"name": "a/../b"}, ["name"]),
    ({"host": ""}, ["host"]),
    ({"host": "a b"}, ["host"]),
    ({"host": "a\r\ngroup = core"}, ["host"]),
    ({"host": 'a"b'}, ["host"]),
    ({"host": "a<b"}, ["host"]),
    ({"username": "", "host": None}, ["host", "username"]),
    ({"port": 65536}, ["port"]),
    ({"port": -1}, ["port"]),
    ({"port": "x"}, ["port"]),
    ({"service_flag": 8}, ["service_flag"]),
    ({"service_flag": 12}, ["service_flag"]),
    ({"gateway_flag": 8}, ["gateway_flag"]),
    ({"node_id": 999}, ["node_id"]),
    ({"prefix": "a|b"}, ["prefix"]),
    ({"prefix": "00|+,"}, ["prefix"]),
    ({"prefix": "1,2"}, ["prefix"]),
    ({"prefix": "00|+;0|44"}, ["prefix"]),
    ({"weight": -1}, ["weight"]),
    ({"per_second": -1}, ["per_second"]),
    ({"per_second": 1e300}, ["per_second"]),
    ({"concurrent": 1.5}, ["concurrent"]),
    ({"settings": {"nothing": 1}}, ["settings.nothing"]),
    ({"settings": {"window": 0, "system_type": 5}}, ["settings.system_type", "settings.window"]),
    ({"settings": "{"}, ["settings"]),
    ({"settings": "[]"}, ["settings"]),
    ({"settings": '{"window": "x"}'}, ["settings.window"]),
    ({"settings": {"system_type": "a\x00"}}, ["settings"]),
    ({"active": 2}, ["active"]),
    ({"password": "a\nb"}, ["password"]),
    ({"name": "a b", "host": "c d", "port": 0, "settings": {"window": 0}}, ["host", "name", "settings.window"]),
]


@pytest.mark.parametrize(("body", "fields"), BAD, ids=lambda value: str(value)[:60])
def test_bad_fields_are_named_and_nothing_is_kept(body, fields, root, tables):
    before = tables()
    body = {**CARRIER, **body}
    assert sorted(root.refused(412, "POST", "/providers", body)["fields"]) == fields
    assert tables() == before


GOOD = [
    {"prefix": "00|+,0|44"},
    {"prefix": "|9"},
    {"prefix": ""},
    {"prefix": "+49"},
    {"host": "2001:db8::1"},
    {"host": "10.0.0.1"},
    {"type": "both", "service_flag": 8, "host": "", "username": ""},
    {"type": "both", "service_flag": 12},
    {"settings": ""},
    {"settings": None},
    {"settings": {}},
    {"name": "A.b_c-1"},
    {"service_flag": 0},
    {"node_id": None},
]


@pytest.mark.parametrize("body", GOOD, ids=lambda value: str(value))
def test_good_fields(body, root):
    provider_id = root.post("/providers", {**CARRIER, **body})["provider_id"]
    assert root.put(f"/providers/{provider_id}", body)["provider_id"] == provider_id


def test_the_services_of_a_type_are_the_default(root):
    provider_id = root.post("/providers", {**CARRIER, "type": "both"})["provider_id"]
    assert root.get(f"/providers/{provider_id}")["service_flag"] == 12


def test_a_change_must_fit_the_whole(root):
    provider_id = root.post("/providers", CARRIER)["provider_id"]
    before = root.get(f"/providers/{provider_id}")
    for body, field in (({"host": ""}, "host"), ({"type": "both"}, "type"), ({"settings": {"x": 1}}, "settings.x")):
        assert list(root.refused(412, "PUT", f"/providers/{provider_id}", body)["fields"]) == [field]
    assert root.get(f"/providers/{provider_id}") == before


def test_without_gateways_nothing_can_be_a_provider(root, registry):
    registry.gateways.clear()
    root.refused(501, "POST", "/providers", CARRIER)


@pytest.mark.both_engines
def test_every_change_is_later_than_all_before(root, system, clock):
    """Dispatchers look at the latest time; neither a clock that stands still nor one that runs behind may hide it."""

    def latest() -> float:
        return system.store.value("SELECT max(updated_at) FROM provider")

    first = root.post("/providers", CARRIER)["provider_id"]
    seen = [latest()]
    second = root.post("/providers", {**CARRIER, "name": "second"})["provider_id"]
    seen.append(latest())
    for provider_id in (first, first, second, first):
        clock.forward(-1)
        root.put(f"/providers/{provider_id}", {"active": 0})
        seen.append(latest())
    assert all(early < late for early, late in pairwise(seen))


def test_health_is_that_of_the_running_dispatchers(root, system):
    root.post("/providers", CARRIER)
    store = system.store
    store.run("INSERT INTO node (id, name, created_at) VALUES (1, 'local', 0)")
    reports = [{"name": "provider:carrier", "fault": "refused", "detail": {"n": 1}}, {"name": "database", "fault": ""}]
    insert = "INSERT INTO worker (node_id, name, started_at, lease_until, health) VALUES (1, 'w', 0, ?, ?)"
    store.run(insert, (system.now() + 9, msgspec.json.encode(reports).decode()))
    store.run(insert, (system.now() - 9, msgspec.json.encode([{"name": "provider:carrier"}]).decode()))
    expected = [{"name": "provider:carrier", "fault": "refused", "detail": {"n": 1}, "node": "local"}]
    assert root.get("/providers")[0]["health"] == expected
