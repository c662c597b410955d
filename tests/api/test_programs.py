from __future__ import annotations

import pytest

COMMON = {"parent_id": None, "last_updated": None}


@pytest.mark.both_engines
def test_a_program_lives(ada, world):
    text_id = world.ids["text_id"]
    program_id = ada.post("/programs/sendsms", {"name": "Hi", "text_id": text_id, "from": "ICT", "x": 1})["program_id"]
    program = ada.get(f"/programs/{program_id}")
    assert program == {
        "program_id": program_id, "name": "Hi", "type": "sendsms", "text_id": text_id, "from": "ICT",
        "user_id": ada.actor.user_id, "date_created": program["date_created"], **COMMON,
    }  # fmt: skip
    assert program in ada.get("/programs")
    assert program_id in [row["program_id"] for row in ada.get("/programs", text_id=text_id, type="sendsms")]
    changed = ada.put(
        f"/programs/{program_id}", {"text_id": None, "message": "m", "parent_id": world.ids["program_id"]}
    )
    assert (changed["message"], changed["from"], changed["parent_id"]) == ("m", "ICT", world.ids["program_id"])
    assert "text_id" not in changed
    assert program_id not in [row["program_id"] for row in ada.get("/programs", text_id=text_id)]
    assert ada.put(f"/programs/{program_id}", {"parent_id": None, "name": "New"})["parent_id"] is None
    assert ada.delete(f"/programs/{program_id}") is True
    ada.refused(404, "GET", f"/programs/{program_id}")


def test_a_program_without_a_name_is_called_as_its_type(ada):
    program_id = ada.post("/programs/sendsms", {"message": "m"})["program_id"]
    assert ada.get(f"/programs/{program_id}")["name"] == "sendsms"


REFUSED = [
    pytest.param("sendsms", {}, ["text_id"], id="own check"),
    pytest.param("sendsms", {"message": ""}, ["message"], id="own type"),
    pytest.param("sendsms", {"message": "a\x00"}, ["message"], id="NUL where the type allows it"),
    pytest.param("sendsms", {"message": 5, "from": []}, ["from", "message"], id="two"),
    pytest.param("sendsms", {"text_id": 999}, ["text_id"], id="no such text"),
    pytest.param("sendsms", {"message": "m", "name": ""}, ["name"], id="empty name"),
    pytest.param("sendsms", {"message": "m", "parent_id": 999}, ["parent_id"], id="no such parent"),
    pytest.param("sendemail", {}, ["template_id"], id="required"),
    pytest.param("receivesms", {"phone": "abc"}, ["phone"], id="no number"),
    pytest.param("receivesms", {}, ["account_id"], id="no number at all"),
]


@pytest.mark.parametrize(("kind", "body", "fields"), REFUSED)
def test_bad_parameters_are_named_and_nothing_is_kept(kind, body, fields, ada, tables):
    before = tables()
    assert sorted(ada.refused(412, "POST", f"/programs/{kind}", body)["fields"]) == fields
    assert tables() == before
    assert sorted(ada.refused(412, "POST", "/programs", {"type": kind, **body})["fields"]) == fields
    assert tables() == before


def test_a_bad_change_leaves_the_program_as_it_was(ada, world, tables):
    path = f"/programs/{world.ids['program_id']}"
    before, counts = ada.get(path), tables()
    for body, field in (
        ({"text_id": 999}, "text_id"), ({"message": "m"}, "text_id"), ({"type": "sendemail"}, "type"),
        ({"parent_id": world.ids["program_id"]}, "parent_id"), ({"name": 5}, "name"), ({"from": {}}, "from"),
    ):  # fmt: skip
        assert list(ada.refused(412, "PUT", path, body)["fields"]) == [field]
    assert (ada.get(path), tables()) == (before, counts)


def test_types_that_nobody_has(ada, registry, world):
    ada.refused(404, "POST", "/programs/nothing", {"message": "m"})
    ada.refused(501, "POST", "/programs", {"message": "m"})
    ada.refused(501, "POST", "/programs", {"type": "nothing"})
    ada.refused(501, "POST", "/programs", {"type": []})
    del registry.programs["sendsms"]
    assert ada.get(f"/programs/{world.ids['program_id']}")["text_id"] == world.ids["text_id"]
    ada.refused(501, "PUT", f"/programs/{world.ids['program_id']}", {"name": "n"})
    ada.refused(501, "POST", f"/transmissions/{world.pending}/send")
    assert ada.get(f"/transmissions/{world.pending}")["status"] == "pending"


def routes(system) -> list[tuple]:
    return system.store.rows("SELECT service_flag, called, keyword, program_id, account_id FROM route ORDER BY id")


@pytest.mark.both_engines
def test_inbound_routes_follow_their_programs(ada, eve, system, world):
    account_id, first = world.ids["account_id"], world.ids["program"]
    assert routes(system) == [(4, "777", "", first, account_id)]
    second = ada.post("/programs/receivesms", {"phone": "7 7-7", "keyword": "STOP"})["program_id"]
    assert routes(system)[1] == (4, "777", "stop", second, None)
    error = ada.refused(417, "POST", "/programs/receivesms", {"phone": "777", "keyword": "Stop", "name": "Third"})
    assert f"program {second} (receivesms)" in error["message"]
    error = eve.refused(417, "POST", "/programs/receivesms", {"phone": "777"})
    assert "another user" in error["message"]
    assert "receivesms" not in error["message"]
    assert len(routes(system)) == 2
    assert ada.put(f"/programs/{second}", {"keyword": ""} | {"phone": "778"})["phone"] == "778"
    ada.refused(417, "PUT", f"/programs/{second}", {"phone": "777"})
    assert routes(system)[1] == (4, "778", "", second, None)
    ada.delete(f"/programs/{second}")
    assert routes(system) == [(4, "777", "", first, account_id)]


def test_routes_follow_the_number_of_the_account(ada, system, world):
    path = f"/accounts/{world.ids['account_id']}"
    ada.put(path, {"phone": "8 8 8"})
    assert [route[1] for route in routes(system)] == ["888"]
    ada.post("/programs/receivesms", {"phone": "999"})
    ada.refused(417, "PUT", path, {"phone": "999"})
    ada.refused(412, "PUT", path, {"phone": ""})
    assert ada.get(path)["phone"] == "8 8 8"
    assert [route[1] for route in routes(system)] == ["888", "999"]


def test_a_program_with_an_attempt_on_its_way_stays(ada, system, world):
    path = f"/programs/{world.ids['program_id']}"
    for state in ("claimed", "submitting", "submitted"):
        system.store.run("UPDATE spool SET state = ?", (state,))
        ada.refused(423, "DELETE", path)
    system.store.run("UPDATE spool SET state = 'uncertain'")
    ada.delete(path)
    assert ada.get("/transmissions") == ada.get("/spools") == []


@pytest.mark.both_engines
def test_history_outlives_its_program(ada, system, world):
    program_id = ada.post("/programs/sendsms", {"message": "m"})["program_id"]
    made = [
        ada.post("/transmissions", {"program_id": program_id, "contact_id": world.ids["contact_id"]})["transmission_id"]
        for _ in range(3)
    ]
    for transmission_id, status in zip(made, ("completed", "failed", "pending"), strict=True):
        system.store.run("UPDATE transmission SET status = ? WHERE id = ?", (status, transmission_id))
    ada.delete(f"/programs/{program_id}")
    assert ada.get(f"/transmissions/{made[0]}")["program_id"] is None
    ada.refused(404, "GET", f"/transmissions/{made[2]}")
    ada.refused(423, "POST", f"/transmissions/{made[1]}/retry")
    ada.refused(417, "GET", f"/transmissions/{made[0]}/clone")
