from __future__ import annotations

import msgspec
import pytest


def step(system, spool_id: int) -> dict:
    return msgspec.json.decode(system.store.value("SELECT plan FROM spool WHERE id = ?", (spool_id,)))["steps"][0]


@pytest.fixture
def program(ada) -> int:
    return ada.post("/programs/sendsms", {"name": "Hello", "message": "Hi"})["program_id"]


@pytest.mark.both_engines
def test_a_transmission_lives(ada, program, clock, system):
    account_id = ada.post("/accounts", {"phone": "555"})["account_id"]
    ada.post("/accounts", {"phone": "556", "active": 0})
    created = ada.post("/transmissions", {"program_id": program, "phone": "1 2 3", "try_allowed": 3})
    transmission_id = created["transmission_id"]
    assert created["text_id"] == transmission_id
    transmission = ada.get(f"/transmissions/{transmission_id}")
    contact_id = transmission["contact_id"]
    assert ada.get(f"/contacts/{contact_id}")["phone"] == "123"
    assert transmission == {
        "transmission_id": transmission_id, "title": "Hello", "service_flag": 4, "account_id": account_id,
        "contact_id": contact_id, "program_id": program, "origin": "sendsms", "direction": "outbound",
        "status": "pending", "response": "", "try_allowed": 3, "try_done": 0, "last_run": None, "campaign_id": None,
        "user_id": ada.actor.user_id, "date_created": int(clock.now.timestamp()), "last_updated": None,
    }  # fmt: skip
    assert ada.get(f"/transmissions/{transmission_id}/status") == {"status": "pending", "Status": "pending"}
    assert ada.get(f"/transmissions/{transmission_id}/detail") == []
    assert ada.get(f"/transmissions/{transmission_id}/explain")["explanation"] == "nobody has sent it"
    clock.forward(10)
    spool_id = ada.post(f"/transmissions/{transmission_id}/send")["spool_id"]
    assert ada.get(f"/transmissions/{transmission_id}/status")["status"] == "processing"
    spool = ada.get(f"/spools/{spool_id}")
    now = int(clock.now.timestamp())
    assert {name: spool[name] for name in ("state", "status", "source", "destination", "tries", "time_spool")} == {
        "state": "queued", "status": "initiated", "source": "555", "destination": "123", "tries": 1, "time_spool": now,
    }  # fmt: skip
    assert ada.get(f"/transmissions/{transmission_id}/detail") == [spool]
    assert ada.get("/spools", status="initiated", state="queued") == [spool]
    assert ada.get("/spools", status="completed") == []
    assert ada.get(f"/spools/{spool_id}/status") == {"status": "initiated", "state": "queued"}
    assert ada.get(f"/transmissions/{transmission_id}/explain")["explanation"] == "it waits for a dispatcher"
    ada.refused(423, "POST", f"/transmissions/{transmission_id}/send")
    assert ada.delete(f"/transmissions/{transmission_id}") is True
    assert ada.get("/spools") == []


def test_all_printed_forms_send(ada, program):
    for method, word in (
        ("POST", "send"), ("GET", "send"), ("GET", "call"), ("GET", "dial"), ("POST", "call"), ("POST", "dial"),
        ("POST", "retry"), ("GET", "retry"),
    ):  # fmt: skip
        transmission_id = ada.post("/transmissions", {"program_id": program, "phone": "1"})["transmission_id"]
        assert ada.ok(method, f"/transmissions/{transmission_id}/{word}")["spool_id"]


def test_those_of_a_program(ada, program):
    path = f"/programs/{program}/transmissions"
    contact_id = ada.post("/contacts", {"phone": "1"})["contact_id"]
    ids = [
        ada.ok(method, path, {"contact_id": contact_id, "title": method})["transmission_id"]
        for method in ("PUT", "POST")
    ]
    other = ada.post("/programs/sendsms", {"message": "x"})["program_id"]
    ada.post("/transmissions", {"program_id": other, "contact_id": contact_id})
    assert [row["transmission_id"] for row in ada.get(path)] == ids
    assert [row["transmission_id"] for row in ada.get(path, title="POST")] == ids[1:]
    ada.refused(404, "PUT", "/programs/999/transmissions", {"contact_id": contact_id})
    ada.refused(404, "GET", "/programs/999/transmissions")


FILTERS = [
    ({"contact_phone": "123"}, True), ({"contact_phone": "777"}, False), ({"account_phone": "777"}, True),
    ({"phone": "777"}, True), ({"phone": "123"}, True), ({"phone": "12"}, False), ({"email": "b@x.org"}, True),
    ({"contact_email": "b@x.org"}, True), ({"account_email": "b@x.org"}, False), ({"status": "pending"}, True),
    ({"service_flag": "4"}, True), ({"service_flag": "8"}, False), ({"origin": "send*"}, True),
]  # fmt: skip


@pytest.mark.parametrize(("params", "expected"), FILTERS, ids=lambda value: str(value))
def test_filters(params, expected, ada, world):
    ids = [row["transmission_id"] for row in ada.get("/transmissions", **params)]
    assert (world.pending in ids) == expected


REFUSED = [
    ({}, ["program_id"]),
    ({"program_id": 999}, ["program_id"]),
    ({"program_id": None}, ["program_id"]),
    ({"P": 1}, ["contact_id"]),
    ({"P": 1, "contact_id": 999}, ["contact_id"]),
    ({"P": 1, "contact_id": 1, "phone": "2"}, ["contact_id", "phone"]),
    ({"P": 1, "email": "a@b"}, ["email"]),
    ({"P": 1, "phone": "abc"}, ["phone"]),
    ({"P": 1, "phone": "1", "account_id": 999}, ["account_id"]),
    ({"P": 1, "phone": "1", "try_allowed": 11}, ["try_allowed"]),
    ({"P": 1, "phone": "1", "try_allowed": 0}, ["try_allowed"]),
    ({"P": 1, "phone": "1", "service_flag": 8}, ["service_flag"]),
    ({"P": 1, "phone": "1", "direction": "up"}, ["direction"]),
]


@pytest.mark.parametrize(("body", "fields"), REFUSED, ids=lambda value: str(value))
def test_bad_requests_are_named_and_nothing_is_kept(body, fields, ada, program, tables):
    body = {
        ("program_id" if name == "P" else name): (program if name == "P" else value) for name, value in body.items()
    }
    before = tables()
    assert sorted(ada.refused(412, "POST", "/transmissions", body)["fields"]) == fields
    assert tables() == before


def test_status_and_response_cannot_be_written(ada, program):
    body = {"program_id": program, "phone": "1", "status": "completed", "response": "x"}
    row = ada.get(f"/transmissions/{ada.post('/transmissions', body)['transmission_id']}")
    assert (row["status"], row["response"]) == ("pending", "")


TOKENS = (
    "[contact:first_name] [transmission:contact:first_name] [transmission:destination:phone] [account:first_name] "
    "[transmission:source:first_name] [program:name] [user:first_name] [transmission:title] [contact:custom1] "
    "[account:passwd] [user:password_hash] [nothing:here]"
)
RENDERED = "Bob Bob 123 Desk Desk Tok Ada T [contact:phone] [account:passwd] [user:password_hash] [nothing:here]"


def test_tokens_are_rendered_once_and_reach_no_secret(ada, system):
    program_id = ada.post("/programs/sendsms", {"name": "Tok", "message": TOKENS})["program_id"]
    contact_id = ada.post("/contacts", {"first_name": "Bob", "phone": "123", "custom1": "[contact:phone]"})[
        "contact_id"
    ]
    ada.post("/accounts", {"first_name": "Desk", "passwd": "secret"})
    body = {"program_id": program_id, "contact_id": contact_id, "title": "T"}
    transmission_id = ada.post("/transmissions", body)["transmission_id"]
    ada.put(f"/contacts/{contact_id}", {"first_name": "Bob"})
    spool_id = ada.post(f"/transmissions/{transmission_id}/send")["spool_id"]
    assert step(system, spool_id)["data"]["text"] == RENDERED


def test_the_words_are_those_of_the_moment_of_sending(ada, system, world):
    ada.put(f"/messages/texts/{world.ids['text_id']}", {"data": "new"})
    spool_id = ada.post(f"/transmissions/{world.pending}/send")["spool_id"]
    assert step(system, spool_id)["data"]["text"] == "new"
    assert step(system, world.ids["spool_id"])["data"]["text"] == "Hello"


INVALID = [
    pytest.param({"phone": "abc"}, {}, "phone", id="no number"),
    pytest.param({"phone": ""}, {}, "phone", id="empty"),
    pytest.param({}, {"data": "[contact:last_name]"}, "text_id", id="nothing to say"),
    pytest.param({}, {"phone": "x"}, "account_id", id="own number"),
]


@pytest.mark.both_engines
def test_what_cannot_be_sent_becomes_invalid(ada, system, world):
    for case in INVALID:
        contact, other, field = case.values
        order = {"program_id": world.ids["program_id"], "contact_id": world.ids["contact_id"]}
        transmission_id = ada.post("/transmissions", order)["transmission_id"]
        ada.put(f"/contacts/{world.ids['contact_id']}", {"phone": "123", **contact})
        ada.put(f"/messages/texts/{world.ids['text_id']}", {"data": other.get("data", "Hello")})
        system.store.run("UPDATE account SET phone = ?", (other.get("phone", "777"),))
        spools = len(ada.get("/spools"))
        error = ada.refused(412, "POST", f"/transmissions/{transmission_id}/send")
        assert list(error["fields"]) == [field], case.id
        row = ada.get(f"/transmissions/{transmission_id}")
        assert (row["status"], row["try_done"]) == ("invalid", 0), case.id
        assert row["response"] == error["message"]
        assert len(ada.get("/spools")) == spools
        ada.refused(423, "POST", f"/transmissions/{transmission_id}/send")
        assert error["message"] in ada.get(f"/transmissions/{transmission_id}/explain")["explanation"]


def test_a_failed_one_can_be_retried_and_a_completed_one_cloned(ada, system, world):
    transmission_id = world.ids["transmission_id"]
    system.store.run("UPDATE transmission SET status = 'failed'")
    spool_id = ada.post(f"/transmissions/{transmission_id}/retry")["spool_id"]
    assert ada.get(f"/spools/{spool_id}")["tries"] == 2
    assert ada.get(f"/transmissions/{transmission_id}")["try_done"] == 2
    system.store.run("UPDATE transmission SET status = 'completed'")
    ada.refused(423, "POST", f"/transmissions/{transmission_id}/retry")
    copy = ada.get(f"/transmissions/{transmission_id}/clone")["transmission_id"]
    old, new = ada.get(f"/transmissions/{transmission_id}"), ada.get(f"/transmissions/{copy}")
    assert (new["status"], new["try_done"], new["contact_id"]) == ("pending", 0, old["contact_id"])


def test_inbound_ones_are_not_sent(ada, system, world):
    system.store.run("UPDATE transmission SET direction = 'inbound'")
    ada.refused(423, "POST", f"/transmissions/{world.pending}/send")


@pytest.mark.parametrize("state", ["claimed", "submitting", "submitted"])
def test_one_that_is_on_its_way_is_not_deleted(state, ada, system, world):
    system.store.run("UPDATE spool SET state = ?", (state,))
    ada.refused(423, "DELETE", f"/transmissions/{world.ids['transmission_id']}")


SENTENCES = [
    ("queued", {"not_before": 2_000_000_000.0}, "it waits for its time, 2033-05-18 03:33:20 UTC"),
    ("queued", {"waiting_for": "no provider"}, "it waits: no provider"),
    ("claimed", {}, "it is being handed to the gateway"),
    ("submitted", {}, "the far side has it, and its report is awaited"),
    ("completed", {}, "it was delivered"),
    ("failed", {"cause": "busy", "response": "486"}, "it failed: busy, 486"),
]


@pytest.mark.parametrize(("state", "columns", "sentence"), SENTENCES)
def test_explanations(state, columns, sentence, ada, system, world):
    for name, value in {"state": state, **columns}.items():
        system.store.run(f"UPDATE spool SET {name} = ?", (value,))
    found = ada.get(f"/transmissions/{world.ids['transmission_id']}/explain")
    assert (found["explanation"], found["state"]) == (sentence, state)


@pytest.mark.both_engines
def test_an_uncertain_attempt_is_settled_by_somebody_who_knows(ada, system, world):
    path = f"/spools/{world.ids['spool_id']}"
    ada.refused(423, "POST", f"{path}/settle", {"outcome": "delivered"})
    for outcome, status in (("delivered", "completed"), ("failed", "failed")):
        system.store.run("UPDATE spool SET state = 'uncertain', cause = 'uncertain'")
        system.store.run("UPDATE transmission SET status = 'processing'")
        spool = ada.post(f"{path}/settle", {"outcome": outcome})
        assert (spool["state"], spool["status"]) == (status, status)
        assert ada.get(f"/transmissions/{world.ids['transmission_id']}/status")["status"] == status
        system.store.run("UPDATE spool SET cause = 'normal'")
        ada.refused(423, "POST", f"{path}/settle", {"outcome": outcome})


def test_results_of_all_attempts(ada, system, world):
    transmission_id, first = world.ids["transmission_id"], world.ids["spool_id"]
    system.store.run("UPDATE transmission SET status = 'failed'")
    second = ada.post(f"/transmissions/{transmission_id}/retry")["spool_id"]
    insert = "INSERT INTO spool_result (spool_id, type, name, data, created_at) VALUES (?, 'error', 'busy', ?, 2)"
    system.store.run(insert, (second, "x" * 500))
    results = ada.get(f"/transmissions/{transmission_id}/result")
    assert [(row["spool_id"], row["type"], row["name"], len(row["data"])) for row in results] == [
        (first, "info", "n", 1),
        (second, "error", "busy", 500),
    ]
    assert ada.get(f"/transmissions/{transmission_id}/results", type="error") == results[1:]
    assert ada.get(f"/spools/{first}/result") == results[:1]


@pytest.mark.both_engines
def test_of_many_who_send_one_transmission_at_once_one_does(together, ada, system, world):
    answers = together(8, lambda number: ada.call("POST", f"/transmissions/{world.pending}/send"))
    assert sorted(answer.status_code for answer in answers) == [200] + [423] * 7
    assert system.store.value("SELECT count(*) FROM spool WHERE transmission_id = ?", (world.pending,)) == 1
    assert ada.get(f"/transmissions/{world.pending}")["try_done"] == 1


@pytest.mark.both_engines
def test_of_many_who_ask_for_one_number_at_once_one_gets_it(together, ada, system):
    answers = together(6, lambda number: ada.call("POST", "/programs/receivesms", {"phone": "4711"}))
    assert sorted(answer.status_code for answer in answers) == [200] + [417] * 5
    assert system.store.value("SELECT count(*) FROM program") == system.store.value("SELECT count(*) FROM route") == 1


@pytest.mark.both_engines
def test_a_message_is_not_deleted_while_a_program_begins_to_use_it(together, ada, system):
    """Whoever is first wins; there is never a program without its text."""
    for _ in range(5):
        text_id = ada.post("/messages/texts", {"name": "t", "data": "d"})["text_id"]

        def race(number: int, text_id: int = text_id):
            if number:
                return ada.call("DELETE", f"/messages/texts/{text_id}")
            return ada.call("POST", "/programs/sendsms", {"text_id": text_id})

        statuses = [answer.status_code for answer in together(2, race)]
        assert statuses in ([200, 423], [412, 200])
