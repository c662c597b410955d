from __future__ import annotations

import base64

import msgspec

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
            "from": "ada@example.com", "reply_to": "r@example.com", "list_unsubscribe": "mailto:u@example.com",
            "attachments": [{"name": "a.pdf", "content_type": "application/pdf",
                             "content": base64.b64encode(pdf).decode()}],
        },
    )  # fmt: skip
    data = plan_of(system, sent["spool_id"])["data"]
    (file,) = data.pop("attachments")
    assert data == {
        "subject": "Hi bob@example.com", "html": "<p>html</p>", "text": "plain", "from": "ada@example.com",
        "reply_to": "r@example.com", "list_unsubscribe": "mailto:u@example.com",
    }  # fmt: skip
    assert (file["name"], file["content_type"], file["size"]) == ("a.pdf", "application/pdf", len(pdf))
    assert (system.home / "media" / file["digest"][:2] / file["digest"][2:4] / file["digest"]).read_bytes() == pdf
