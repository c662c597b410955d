"""A message goes in by REST and comes out of a real Kannel, and its report comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ictcore.testing.require import require
from ictcore.testing.waiting import wait_until
from tests.running import RunningSystem

kannel_testing = pytest.importorskip("ictcore_gateway_kannel.testing")

pytestmark = [pytest.mark.real, pytest.mark.slow]
Start = Callable[..., RunningSystem]
LONG = ("Ένα μεγάλο μήνυμα: 你好 😀 Привет! " * 10)[:300]


@pytest.fixture
def kannel(tmp_path: Path) -> Iterator[Any]:
    fault = kannel_testing.installed()
    require("kannel", not fault, fault)
    folder = tmp_path / "kannel"
    folder.mkdir()
    server = kannel_testing.KannelServer(folder).start()
    yield server
    server.stop()


@pytest.fixture
def smpp() -> Iterator[Any]:
    server = kannel_testing.SmppServer()
    yield server
    server.stop()


def settings(kannel: Any, transport: str) -> dict[str, dict[str, Any]]:
    values = {key.removeprefix("kannel."): value for key, value in kannel.settings(transport).items()}
    return {"plugins": {"blocked": "ictcore-gateway-simulator"}, "kannel": {**values, "sender": "12345"}}


def provider(system: RunningSystem, **fields: Any) -> int:
    made = system.made("/providers", fields)
    return int(made["provider_id"])


@pytest.mark.parametrize("transport", ["box", "http"])
def test_300_unicode_characters_to_a_contact_arrive_as_one_and_the_report_completes_it(
    start: Start, kannel: Any, transport: str
) -> None:
    system = start(settings(kannel, transport))
    provider(system, name="fake", type="link")
    link = kannel.link()
    try:
        contact = system.made("/contacts", {"first_name": "Ada", "phone": "+447900900123"})
        made = system.made("/send/sms", {"contact_id": contact["contact_id"], "text": LONG})
        assert system.ended(made["transmission_id"]) == "completed"
        assert link.texts() == [("+447900900123", LONG)]
        (spool,) = system.got(f"/transmissions/{made['transmission_id']}/detail")
        assert (spool["cause"], spool["amount"], spool["service_flag"]) == ("normal", 5, 4)
    finally:
        link.stop()


@pytest.mark.parametrize("transport", ["box", "http"])
def test_a_rejecting_report_fails_it_with_the_cause_kept(start: Start, kannel: Any, smpp: Any, transport: str) -> None:
    smpp.report_as = "REJECTD"
    system = start(settings(kannel, transport))
    provider(system, name="carrier", type="smpp", host="127.0.0.1", port=smpp.port, username=smpp.username,
             password=smpp.password, settings={"reconnect_delay": 1})  # fmt: skip
    wait_until(lambda: smpp.bound)
    made = system.made("/send/sms", {"to": "+447900900123", "text": "Hello"})
    assert system.ended(made["transmission_id"]) == "failed"
    (spool,) = system.got(f"/transmissions/{made['transmission_id']}/detail")
    assert (spool["status"], spool["cause"]) == ("failed", "rejected")
    assert "REJECTD" in spool["vendor_code"]
    results = system.got(f"/transmissions/{made['transmission_id']}/result")
    assert any((row["type"], row["name"]) == ("error", "rejected") for row in results)


@pytest.mark.parametrize("transport", ["box", "http"])
def test_a_message_from_a_phone_runs_the_program_of_its_number_and_keyword(
    start: Start, tmp_path: Path, transport: str
) -> None:
    require("kannel", not kannel_testing.installed(), kannel_testing.installed())
    folder = tmp_path / "kannel"
    folder.mkdir()
    kannel = kannel_testing.KannelServer(folder, inbound="box" if transport == "box" else "http").start()
    try:
        system = start(settings(kannel, transport))
        provider(system, name="fake", type="link")
        account = system.made("/accounts", {"type": "did", "username": "desk", "phone": "+442071838750"})
        program = system.made(
            "/programs/receivesms", {"name": "votes", "account_id": account["account_id"], "keyword": "vote"}
        )
        link = kannel.link()
        try:
            link.send_text("+447900900456", "+442071838750", "VOTE Ada")
            listed = f"/programs/{program['program_id']}/transmissions"
            wait_until(lambda: system.got(listed), 30.0)
        finally:
            link.stop()
        (transmission,) = system.got(listed)
        assert (transmission["direction"], transmission["status"]) == ("inbound", "completed")
        (contact,) = [row for row in system.got("/contacts") if row["contact_id"] == transmission["contact_id"]]
        assert contact["phone"] == "+447900900456"
        results = system.got(f"/transmissions/{transmission['transmission_id']}/result")
        (text_id,) = [row["data"] for row in results if (row["type"], row["name"]) == ("message", "text")]
        assert system.got(f"/messages/texts/{text_id}")["data"] == "VOTE Ada"
    finally:
        kannel.stop()


def test_kannel_may_be_down_for_a_while(start: Start, kannel: Any) -> None:
    system = start(settings(kannel, "box"))
    provider(system, name="fake", type="link")
    kannel.kill()

    def fault() -> bool:
        return any("bearerbox" in entry["fault"] or "kannel" in entry["name"]
                   for entry in system.got("/health")["dependencies"] if not entry["ok"])  # fmt: skip

    wait_until(fault, 30.0)
    made = [system.made("/send/sms", {"to": f"+4479009001{number:02}", "text": "Hello"}) for number in range(20)]
    assert {system.got(f"/transmissions/{row['transmission_id']}/status")["status"] for row in made} == {"processing"}
    wait_until(lambda: system.got(f"/transmissions/{made[0]['transmission_id']}/explain"), 30.0)
    kannel.start()
    link = kannel.link()
    try:
        assert {system.ended(row["transmission_id"], 60.0) for row in made} == {"completed"}
        assert sorted(receiver for receiver, _ in link.texts()) == [f"+4479009001{number:02}" for number in range(20)]
    finally:
        link.stop()
