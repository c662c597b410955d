"""E-mail out through a real Postfix to a real Dovecot, bounces back, and mail in."""

from __future__ import annotations

import base64
import smtplib
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from ictcore.testing.servers import free_port
from ictcore.testing.waiting import wait_until
from tests.running import RunningSystem

smtp_testing = pytest.importorskip("ictcore_gateway_smtp.testing")

pytestmark = [pytest.mark.real, pytest.mark.slow]
Start = Callable[..., RunningSystem]


@pytest.fixture
def listener_port() -> int:
    return free_port()


@pytest.fixture
def dovecot() -> Iterator[Any]:
    with smtp_testing.DovecotServer(["ada@mailbox.test"]) as server:
        yield server


@pytest.fixture
def postfix(dovecot: Any, listener_port: int) -> Iterator[Any]:
    ours = f"lmtp:inet:127.0.0.1:{listener_port}"
    transports = {
        "mailbox.test": f"lmtp:inet:127.0.0.1:{dovecot.port}",
        "bounces.test": ours,
        "shop.test": ours,
    }
    with smtp_testing.PostfixServer(transports) as server:
        yield server


@pytest.fixture
def system(start: Start, postfix: Any, listener_port: int) -> RunningSystem:
    running = start(
        {
            "plugins": {"blocked": "ictcore-gateway-simulator"},
            "smtp": {"listen_port": listener_port, "bounce_domain": "bounces.test"},
        }
    )
    running.made(
        "/providers",
        {"name": "postfix", "type": "smtp", "host": "127.0.0.1", "port": postfix.port,
         "settings": {"sender": "desk@shop.test"}},
    )  # fmt: skip
    return running


def test_a_mail_with_everything_arrives_in_the_mailbox(system: RunningSystem, dovecot: Any) -> None:
    pdf = b"%PDF-1.4 " + bytes(range(256)) * 100
    made = system.made(
        "/send/email",
        {
            "to": "ada@mailbox.test",
            "subject": "Grüße — 你好",
            "text": "plain [contact:email] Ünïcödé",
            "html": "<p>rich [contact:email]</p>",
            "attachments": [
                {"name": "Rechnung Nr. 1 – März.pdf", "content_type": "application/pdf",
                 "content": base64.b64encode(pdf).decode()}
            ],
        },
    )  # fmt: skip
    assert system.ended(made["transmission_id"]) == "completed"
    raw = dovecot.wait_for_mail("ada@mailbox.test", b"Rechnung")
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["Subject"] == "Grüße — 你好"
    assert "plain ada@mailbox.test Ünïcödé" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "rich ada@mailbox.test" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    (attachment,) = mail.iter_attachments()  # type: ignore[attr-defined]
    assert (attachment.get_filename(), attachment.get_content()) == ("Rechnung Nr. 1 – März.pdf", pdf)
    (spool,) = system.got(f"/transmissions/{made['transmission_id']}/detail")
    assert spool["call_id"] in mail["Message-ID"]


def test_a_bounce_fails_the_attempt_that_caused_it(system: RunningSystem) -> None:
    good = system.made("/send/email", {"to": "ada@mailbox.test", "subject": "Hi", "text": "Hello"})
    bad = system.made("/send/email", {"to": "nobody@mailbox.test", "subject": "Hi", "text": "Hello"})
    wait_until(lambda: system.got(f"/transmissions/{bad['transmission_id']}/status")["status"] == "failed", 60.0)
    (spool,) = system.got(f"/transmissions/{bad['transmission_id']}/detail")
    assert (spool["status"], spool["cause"]) == ("failed", "unallocated")
    assert spool["vendor_code"].startswith("5")
    assert system.ended(good["transmission_id"]) == "completed"


def test_mail_in_runs_the_program_of_its_address(system: RunningSystem, postfix: Any) -> None:
    account = system.made("/accounts", {"username": "desk", "email": "desk@shop.test"})
    program = system.made("/programs/receiveemail", {"name": "desk", "account_id": account["account_id"]})
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "grace@mailbox.test", "desk@shop.test", "Hello"
    mail["Message-ID"], mail["Date"] = "<1@mailbox.test>", "Mon, 05 Jan 2026 10:00:00 +0000"
    mail.set_content("A question")
    mail.add_attachment(b"bytes", maintype="application", subtype="octet-stream", filename="a.bin")
    content = mail.as_bytes()
    other = content.replace(b"<1@mailbox.test>", b"<2@mailbox.test>")
    listed = f"/programs/{program['program_id']}/transmissions"
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        for sent, each in enumerate((content, content, other), 1):
            client.sendmail("grace@mailbox.test", ["desk@shop.test"], each)
            wait_until(lambda: postfix.log().count("status=sent") == sent, 60.0)  # noqa: B023
    transmission, _ = system.got(listed)  # the one that came again was taken once
    results = system.got(f"/transmissions/{transmission['transmission_id']}/result")
    (template_id,) = [row["data"] for row in results if (row["type"], row["name"]) == ("message", "template")]
    template = system.got(f"/messages/templates/{template_id}")
    assert (template["subject"], template["body_alt"].strip()) == ("Hello", "A question")
    assert system.call("GET", f"/messages/templates/{template_id}/media").body == b"bytes"
