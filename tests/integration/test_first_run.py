"""What a newcomer does: start it, paste the line that it prints, look."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest

from tests.running import RunningSystem

pytestmark = [pytest.mark.real, pytest.mark.slow]
Start = Callable[..., RunningSystem]


def pasted(line: str) -> dict[str, int]:
    """Run a printed line in a shell, as a person does."""
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30)
    assert result.returncode == 0, result.stderr
    found: dict[str, int] = json.loads(result.stdout)
    return found


def test_the_printed_line_sends_an_sms(start: Start) -> None:
    system = start()
    assert system.url in system.printed
    line = next(line.strip() for line in system.printed.splitlines() if "curl " in line and "/send/sms" in line)
    made = pasted(line)
    assert set(made) == {"transmission_id", "spool_id", "contact_id", "program_id"}
    assert system.ended(made["transmission_id"]) == "completed"
    (spool,) = system.got(f"/transmissions/{made['transmission_id']}/detail")
    assert spool["status"] == "completed"
    assert spool["time_spool"] <= spool["time_start"] <= spool["time_end"]


def test_the_same_with_email(start: Start) -> None:
    system = start()
    made = system.made("/send/email", {"to": "ada@example.com", "subject": "Hi", "text": "Hello", "html": "<p>Hi</p>"})
    assert system.ended(made["transmission_id"]) == "completed"


def test_the_password_is_printed_once_and_data_stay(start: Start) -> None:
    system = start()
    assert re.search(rf"{re.escape(system.password)}", system.printed)
    made = system.made("/contacts", {"phone": "+15550100"})
    system.stop()
    again = system.start()
    assert system.password not in again.printed
    assert again.got(f"/contacts/{made['contact_id']}")["phone"] == "+15550100"


def test_the_password_may_be_given(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICTCORE_ADMIN_PASSWORD", "correct horse battery")
    system = start()
    assert "correct horse battery" not in system.printed
    system.password = "correct horse battery"
    assert system.call("GET", "/contacts").status == 200


@pytest.mark.parametrize(
    ("to", "status", "cause"),
    [
        pytest.param("+15550100", "completed", "normal", id="delivered"),
        pytest.param("+15550001", "failed", "busy", id="busy"),
        pytest.param("+15550004", "failed", "unallocated", id="no such number"),
    ],
)
def test_the_outcome_is_told(start: Start, database: str | None, to: str, status: str, cause: str) -> None:
    system = start(database=database)
    made = system.made("/send/sms", {"to": to, "text": "Hello"})
    assert system.ended(made["transmission_id"]) == status
    (spool,) = system.got(f"/transmissions/{made['transmission_id']}/detail")
    assert (spool["status"], spool["cause"]) == (status, cause)


def test_health_metrics_plugins_and_the_description(start: Start) -> None:
    system = start()
    assert system.call("GET", "/health").status == 200
    names = {plugin["name"] for plugin in system.got("/plugins")}
    assert any("simulator" in name for name in names)
    assert b"ictcore" in system.call("GET", "/metrics").body
    assert system.got("/openapi.json")["openapi"].startswith("3.1")
    assert b"<html" in system.call("GET", "/docs").body.lower()
