from __future__ import annotations

import base64

import msgspec
import pytest

from ictcore.domain.plan import single

TABLES = ("contact", "text", "template", "template_attachment", "program", "transmission", "spool", "idempotency")


def counts(system) -> dict[str, int]:
    return {table: system.store.value(f"SELECT count(*) FROM {table}") for table in TABLES}


def plan_of(system, spool_id: int) -> dict:
    return msgspec.json.decode(system.store.value("SELECT plan FROM spool WHERE id = ?", (spool_id,)))["steps"][0]


def test_an_sms_is_queued_with_all_that_it_needs(ada, system):
    sent = ada.post("/send/sms", {"to": "+44 20 7183 8750", "text": "Hello [contact:phone]", "from": "ICT"})
    assert sorted(sent) == ["contact_id", "program_id", "spool_id", "transmission_id"]
    transmission = ada.get(f"/transmissions/{sent['transmission_id']}")
    assert transmission["status"] == "processing"
    assert transmission["try_done"] == 1
    assert transmission["contact_id"] == sent["contact_id"]
    assert ada.get(f"/contacts/{sent['contact_id']}")["phone"] == "+442071838750"
    spool = ada.get(f"/spools/{sent['spool_id']}")
    assert (spool["state"], spool["status"], spool["destination"]) == ("queued", "initiated", "+442071838750")
    step = plan_of(system, sent["spool_id"])
    assert step["application"] == "sms_send"
    assert step["data"] == {"text": "Hello +442071838750", "from": "ICT"}


def test_a_mail_is_queued_with_its_files(ada, system):
    pdf = b"%PDF-1.4 \x00\xff"
    sent = ada.post(
        "/send/email",
        {
            "to": "Bob@Example.com", "subject": "Hi [contact:email]", "text": "plain", "html": "<p>html</p>",
            "from": "ada@example.com", "from_name": "Ada", "reply_to": "r@example.com",
            "list_unsubscribe": "mailto:u@example.com",
            "attachments": [{"name": "a.pdf", "content_type": "application/pdf",
                             "content": base64.b64encode(pdf).decode()}],
        },
    )  # fmt: skip
    data = plan_of(system, sent["spool_id"])["data"]
    (file,) = data.pop("attachments")
    assert data == {
        "subject": "Hi bob@example.com", "html": "<p>html</p>", "text": "plain", "from": "ada@example.com",
        "from_name": "Ada", "reply_to": "r@example.com", "list_unsubscribe": "mailto:u@example.com",
    }  # fmt: skip
    assert (file["name"], file["content_type"], file["size"]) == ("a.pdf", "application/pdf", len(pdf))
    assert (system.home / "media" / file["digest"][:2] / file["digest"][2:4] / file["digest"]).read_bytes() == pdf


@pytest.mark.both_engines
def test_the_same_address_is_the_same_contact(ada, eve, system):
    contact_id = ada.post("/contacts", {"phone": "4711"})["contact_id"]
    written = ada.post("/contacts", {"phone": "08 15"})["contact_id"]
    assert ada.post("/send/sms", {"to": "47 11", "text": "t"})["contact_id"] == contact_id
    assert ada.post("/send/sms", {"to": 4711, "text": "t"})["contact_id"] == contact_id
    assert ada.post("/send/sms", {"to": "08 15", "text": "t"})["contact_id"] == written
    assert ada.post("/send/sms", {"contact_id": contact_id, "text": "t"})["contact_id"] == contact_id
    assert eve.post("/send/sms", {"to": "4711", "text": "t"})["contact_id"] not in (contact_id, written)
    assert len(ada.get("/contacts")) == 2


def test_the_rest_of_the_request(ada):
    account_id = ada.post("/accounts", {"phone": "42"})["account_id"]
    newest = ada.post("/accounts", {"phone": "43"})["account_id"]
    sent = ada.post("/send/sms", {"to": "1", "text": "t", "account_id": account_id, "title": "T", "try_allowed": 4})
    row = ada.get(f"/transmissions/{sent['transmission_id']}")
    assert (row["account_id"], row["title"], row["try_allowed"], row["origin"]) == (account_id, "T", 4, "send")
    assert ada.get(f"/spools/{sent['spool_id']}")["source"] == "42"
    sent = ada.post("/send/sms", {"to": "1", "text": "t"})
    assert ada.get(f"/transmissions/{sent['transmission_id']}")["account_id"] == newest


WHEN = [
    pytest.param({"delay": 60}, 60, id="delay"),
    pytest.param({"delay": 0}, 0, id="no delay"),
    pytest.param({"timestamp": 1935392400 + 5}, 5, id="timestamp"),
    pytest.param({"timestamp": 0}, 0, id="past"),
    pytest.param({"datetime": "2031-05-01T12:00:00+02:00"}, 3600, id="zone"),
    pytest.param({"datetime": "2031-05-01T09:00:10Z"}, 10, id="UTC"),
    pytest.param({"datetime": "0001-01-01T00:00:00+14:00"}, 0, id="before all years"),
]


@pytest.mark.parametrize(("schedule", "seconds"), WHEN)
def test_schedules(schedule, seconds, ada, clock):
    sent = ada.post("/send/sms", {"to": "1", "text": "t", "schedule": schedule})
    assert ada.get(f"/spools/{sent['spool_id']}")["not_before"] == int(clock.now.timestamp()) + seconds


SMS, MAIL = {"to": "1", "text": "t"}, {"to": "b@x.org", "subject": "s", "text": "t"}
BAD = [
    pytest.param("sms", {"to": None}, ["to"], id="nobody"),
    pytest.param("sms", {"contact_id": 1}, ["to"], id="two"),
    pytest.param("sms", {"to": "abc"}, ["to"], id="no number"),
    pytest.param("sms", {"to": "1\n2"}, ["to"], id="LF"),
    pytest.param("sms", {"to": None, "contact_id": 999}, ["contact_id"], id="no contact"),
    pytest.param("sms", {"to": None, "contact_id": "C"}, ["contact_id"], id="a contact without a number"),
    pytest.param("sms", {"text": ""}, ["text"], id="empty"),
    pytest.param("sms", {"text": "  "}, ["text"], id="blank"),
    pytest.param("sms", {"text": "[contact:last_name]"}, ["text"], id="blank after tokens"),
    pytest.param("sms", {"account_id": 999}, ["account_id"], id="no account"),
    pytest.param("sms", {"try_allowed": 11}, ["try_allowed"], id="tries"),
    pytest.param("sms", {"from": "a\nb"}, ["from"], id="sender"),
    pytest.param("sms", {"schedule": {}}, ["schedule"], id="no time"),
    pytest.param("sms", {"schedule": {"delay": 1, "timestamp": 1}}, ["schedule"], id="two times"),
    pytest.param("sms", {"schedule": {"delay": -1}}, ["schedule.delay"], id="negative"),
    pytest.param("sms", {"schedule": {"delay": 1e9}}, ["schedule.delay"], id="far"),
    pytest.param("sms", {"schedule": {"datetime": "2031-05-01T09:00:00"}}, ["schedule.datetime"], id="no zone"),
    pytest.param("sms", {"schedule": {"datetime": "tomorrow"}}, ["schedule.datetime"], id="no date"),
    pytest.param("sms", {"schedule": "now"}, ["schedule"], id="no object"),
    pytest.param("email", {"to": "nobody!"}, ["to"], id="no address"),
    pytest.param("email", {"text": ""}, ["text"], id="empty mail"),
    pytest.param("email", {"subject": "a\r\nBcc: x"}, ["subject"], id="subject of two lines"),
    pytest.param("email", {"attachments": [{"name": "a", "content": "?"}]}, ["attachments[0].content"], id="no Base64"),
    pytest.param("email", {"attachments": [{"name": "a", "content": ""}]}, ["attachments[0].content"], id="empty file"),
    pytest.param("email", {"attachments": [{"content": "eA=="}]}, ["attachments[0]"], id="no name"),
    pytest.param(
        "email", {"attachments": [{"name": "a", "content": "eA==", "content_type": "x"}]},
        ["attachments[0].content_type"], id="no type",
    ),
    pytest.param("email", {"attachments": [{"name": "..", "content": "eA=="}]}, ["attachments[0].name"], id="odd name"),
    pytest.param("email", {"attachments": [{"name": "a", "content": "eA=="}] * 51}, ["attachments"], id="many"),
    pytest.param(
        "email", {"attachments": [{"name": "a", "content": "eHh4" * 1000}] * 2}, ["attachments"], id="large together"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "change", "fields"), BAD)
def test_bad_requests_are_named_and_nothing_is_made(what, change, fields, ada, system, tables):
    system.settings._values["media.largest"] = 4096
    mailbox = ada.post("/contacts", {"email": "b@x.org"})["contact_id"]
    body = {**(SMS if what == "sms" else MAIL), **change}
    body = {name: mailbox if value == "C" else value for name, value in body.items() if value is not None}
    before = tables()
    assert list(ada.refused(412, "POST", f"/send/{what}", body)["fields"]) == fields
    assert tables() == before


def test_nothing_is_made_without_the_plugin(ada, registry, tables):
    before = tables()
    for missing in ("sendemail", "email"):
        registry.programs.pop(missing, None) or registry.services.pop(missing)
        ada.refused(501, "POST", "/send/email", MAIL)
    assert tables() == before


def test_what_the_program_type_does_not_know_is_refused(ada, registry, tables):
    class Plain:
        name, service, direction = "sendsms", "sms", "outbound"
        parameters = msgspec.defstruct("Plain", [("text_id", int)])
        references = registry.programs["sendsms"].references
        compile = registry.programs["sendsms"].compile

    registry.programs["sendsms"] = Plain()
    before = tables()
    assert list(ada.refused(412, "POST", "/send/sms", {**SMS, "from": "X"})["fields"]) == ["from"]
    assert tables() == before


@pytest.mark.both_engines
def test_a_repeated_key_gets_the_first_answer(ada, eve, tables):
    key = {"Idempotency-Key": "order 1".replace(" ", "-")}
    first = ada.call("POST", "/send/sms", SMS, headers=key)
    assert (first.status_code, "Idempotent-Replayed" in first.headers) == (200, False)
    before = tables()
    again = ada.call("POST", "/send/sms", {"text": "t", "to": "1"}, headers=key)
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    error = ada.refused(412, "POST", "/send/sms", {**SMS, "text": "other"}, headers=key)
    assert list(error["fields"]) == ["Idempotency-Key"]
    assert tables() == before
    ada.post("/send/email", MAIL, headers=key)
    assert eve.post("/send/sms", SMS, headers=key) != first.json
    assert ada.post("/send/sms", SMS, headers={"Idempotency-Key": "2"}) != first.json


def test_a_request_that_failed_is_not_remembered(ada, registry):
    key = {"Idempotency-Key": "k"}
    ada.refused(412, "POST", "/send/sms", {**SMS, "to": "abc"}, headers=key)
    assert ada.post("/send/sms", SMS, headers=key)["spool_id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "a\tb", "\x7f"])
def test_keys_that_cannot_be(key, ada, tables):
    before = tables()
    error = ada.refused(412, "POST", "/send/sms", SMS, headers={"Idempotency-Key": key})
    assert list(error["fields"]) == ["Idempotency-Key"]
    assert tables() == before


@pytest.mark.both_engines
def test_of_many_requests_with_one_key_exactly_one_sends(together, ada, system):
    answers = together(8, lambda number: ada.call("POST", "/send/sms", SMS, headers={"Idempotency-Key": "k"}))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 7
    assert system.store.value("SELECT count(*) FROM spool") == 1


def test_a_stored_file_is_given_back_by_its_template(ada):
    file = {"name": "a.txt", "content": base64.b64encode(b"abc").decode()}
    sent = ada.post("/send/email", {**MAIL, "attachments": [file]})
    template_id = ada.get(f"/programs/{sent['program_id']}")["template_id"]
    assert ada.call("GET", f"/messages/templates/{template_id}/media").content == b"abc"
    assert ada.get(f"/messages/templates/{template_id}")["length"] == 4


def test_an_unsound_plan_of_a_plugin_is_never_queued(ada, registry, tables, monkeypatch):
    monkeypatch.setattr(registry.programs["sendsms"], "compile", lambda compilation: single("fly", {}))
    before = tables()
    error = ada.refused(412, "POST", "/send/sms", {"to": "123", "text": "Hello"})
    assert error["fields"] == {"steps.0.application": "'fly' is not an application"}
    assert tables() == before
