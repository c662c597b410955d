from __future__ import annotations

import pytest


@pytest.mark.both_engines
def test_an_account_lives(ada):
    given = {
        "type": "extension", "username": "100", "passwd": "secret", "passwd_pin": "1234", "phone": 100,
        "settings": {"a": "b", "n": 5, "t": True}, "active": False,
    }  # fmt: skip
    account_id = ada.post("/accounts", given)["account_id"]
    account = ada.get(f"/accounts/{account_id}")
    assert (account["type"], account["phone"], account["active"]) == ("extension", "100", 0)
    assert account["settings"] == {"a": "b", "n": 5, "t": True}
    assert account["user_id"] == ada.actor.user_id
    changed = ada.put(f"/accounts/{account_id}", {"settings": {"a": "c"}, "active": True, "passwd": "other"})
    assert (changed["settings"], changed["active"]) == ({"a": "c", "n": 5, "t": True}, 1)
    for answer in (account, changed, *ada.get("/accounts")):
        assert not {"passwd", "passwd_pin"} & set(answer)
        assert "secret" not in str(answer)
    ada.refused(412, "GET", "/accounts", params={"passwd": "other"})
    ada.refused(412, "PUT", f"/accounts/{account_id}", {"type": "did"})
    assert ada.delete(f"/accounts/{account_id}") is True


@pytest.mark.both_engines
def test_a_username_is_unique_in_its_type(ada, eve):
    first = ada.post("/accounts", {"username": "x"})["account_id"]
    second = ada.post("/accounts", {"username": "y"})["account_id"]
    ada.refused(417, "POST", "/accounts", {"username": "x"})
    eve.refused(417, "POST", "/accounts", {"username": "x"})
    ada.refused(417, "PUT", f"/accounts/{second}", {"username": "x"})
    ada.put(f"/accounts/{first}", {"username": "x"})
    ada.post("/accounts", {"username": "x", "type": "did"})
    ada.post("/accounts", {})
    ada.post("/accounts", {})


def test_settings_one_by_one(ada, world):
    path = f"/accounts/{world.ids['account_id']}/settings"
    assert ada.get(f"{path}/a") == {"value": "b"}
    ada.refused(404, "GET", f"{path}/b")
    assert ada.put(f"{path}/b", {"value": 5, "username": "ignored"}) == {"value": 5}
    assert ada.get(f"/accounts/{world.ids['account_id']}")["settings"] == {"a": "b", "b": 5}
    assert ada.delete(f"{path}/a") is True
    ada.refused(404, "DELETE", f"{path}/a")
    for name in ("x" * 65, "a%20b", "%0A", "-", "é", "a%22"):
        ada.refused(412, "PUT", f"{path}/{name}", {"value": "v"})
    ada.refused(412, "PUT", f"{path}/b", {})
    ada.refused(412, "PUT", f"/accounts/{world.ids['account_id']}", {"settings": {"a b": 1}})
    ada.refused(412, "PUT", f"/accounts/{world.ids['account_id']}", {"settings": {"a": {}}})


def test_settings_are_not_without_end(ada, world, monkeypatch):
    monkeypatch.setattr("ictcore.usecases.account_settings.MOST", 1)
    ada.refused(412, "PUT", f"/accounts/{world.ids['account_id']}/settings/b", {"value": "v"})


def programs(ada, account_id) -> list[tuple]:
    return [(row["type"], row["name"], row["parent_id"]) for row in ada.get("/programs", account_id=account_id)]


@pytest.mark.both_engines
def test_an_account_subscribes_to_programs(ada, world, system):
    account_id = ada.post("/accounts", {"phone": "42"})["account_id"]
    path = f"/accounts/{account_id}/programs"
    for _ in range(2):
        assert ada.put(f"{path}/receivesms")["account_id"] == account_id
    assert programs(ada, account_id) == [("receivesms", "receivesms", None)]
    assert system.store.rows("SELECT called FROM route WHERE account_id = ?", (account_id,)) == [("42",)]
    ada.delete(f"{path}/receivesms")
    assert programs(ada, account_id) == []
    model = ada.post("/programs/receivesms", {"phone": "1", "keyword": "x", "name": "Model"})["program_id"]
    ada.put(f"/programs/{model}", {"phone": ""} | {"account_id": world.ids["account_id"]})
    for _ in range(2):
        ada.put(f"{path}/{model}")
    assert programs(ada, account_id) == [("receivesms", "Model", model)]
    ada.delete(f"{path}/{model}")
    ada.put(f"{path}/Model")
    assert programs(ada, account_id) == [("receivesms", "Model", model)]
    ada.refused(404, "DELETE", f"{path}/nothing")
    ada.delete(path)
    assert programs(ada, account_id) == []
    ada.delete(path)


def test_subscriptions_that_cannot_be(ada, eve, world):
    path = f"/accounts/{world.ids['account_id']}/programs"
    ada.refused(412, "PUT", f"{path}/sendsms")
    ada.refused(412, "PUT", f"{path}/{world.ids['program_id']}")
    ada.refused(404, "PUT", f"{path}/nothing")
    ada.refused(404, "PUT", f"{path}/999")
    ada.refused(404, "PUT", f"{path}/%00")
    theirs = eve.post("/programs/receivesms", {"phone": "5", "name": "Eve's"})["program_id"]
    ada.refused(404, "PUT", f"{path}/{theirs}")
    ada.refused(404, "PUT", f"{path}/Eve's")
    no_phone = ada.post("/accounts", {})["account_id"]
    ada.refused(412, "PUT", f"/accounts/{no_phone}/programs/receivesms")
    busy = ada.post("/accounts", {"phone": "777"})["account_id"]
    ada.refused(417, "PUT", f"/accounts/{busy}/programs/receivesms")


def test_an_account_changes_hands(ada, eve, root, world):
    account_id = world.ids["account_id"]
    path = f"/accounts/{account_id}"
    root.refused(404, "PUT", f"{path}/users/999")
    assert root.put(f"{path}/users/{eve.actor.user_id}")["user_id"] == eve.actor.user_id
    ada.refused(404, "GET", path)
    assert eve.get(path)["account_id"] == account_id
    assert programs(ada, account_id) == []
    eve.put(f"{path}/programs/receivesms")
    assert root.put(f"{path}/users/{eve.actor.user_id}")["user_id"] == eve.actor.user_id
    assert programs(eve, account_id)
    assert root.delete(f"{path}/users")["user_id"] is None
    eve.refused(404, "GET", path)
    assert programs(eve, account_id) == []
    root.put(f"{path}/programs/receivesms")
    assert root.get("/programs", account_id=account_id)[0]["user_id"] == root.actor.user_id


def test_programs_of_an_account_belong_to_its_owner(ada, root):
    account_id = ada.post("/accounts", {"phone": "42"})["account_id"]
    root.put(f"/accounts/{account_id}/programs/receivesms")
    assert programs(ada, account_id) == [("receivesms", "receivesms", None)]
