"""``ictcore mail-in``: exit codes that a mail server understands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from ictcore_gateway_smtp.identity import bounce_address
from ictcore_gateway_smtp.mail_in import command
from ictcore_gateway_smtp.settings import SETTINGS

from ictcore.spec import Event, Failed, Receipt, Received, Refusal, Settings, Sink, Unavailable, new_attempt_id
from ictcore.testing import MemorySink, StaticSettings

MAIL = b"From: ada@example.org\nTo: header@example.com\nSubject: Hi\n\nHello\n"


class FakeRuntime:
    """What the command gets of the system."""

    def __init__(self, sink: Sink, **values: Any) -> None:
        self.settings: Settings = StaticSettings(SETTINGS, {f"smtp.{name}": value for name, value in values.items()})
        self.home = Path()
        self._sink = sink

    def sink(self) -> Sink:
        return self._sink


class BrokenSink:
    """A database that is away."""

    def put(self, events: Sequence[Event]) -> Receipt:
        raise Unavailable("the database is away")


def run(runtime: FakeRuntime, *arguments: str, content: bytes = MAIL) -> Result:
    return CliRunner().invoke(command(runtime), arguments, input=content)


def refusing(cause: str) -> MemorySink:
    return MemorySink(lambda event: Refusal("no", cause=cause))


def test_a_mail_is_stored() -> None:
    sink = MemorySink()
    result = run(FakeRuntime(sink), "--to", "shop@example.com", "--from", "envelope@example.org")
    assert result.exit_code == 0
    (event,) = sink.events
    assert isinstance(event, Received)
    assert (event.called, event.caller, event.text) == ("shop@example.com", "ada@example.org", "Hello\n")


def test_without_to_the_headers_tell() -> None:
    sink = MemorySink()
    assert run(FakeRuntime(sink)).exit_code == 0
    (event,) = sink.events
    assert isinstance(event, Received)
    assert event.called == "header@example.com"


CODES: dict[str, tuple[Any, bytes, dict[str, Any], int]] = {
    "no user": (refusing("unallocated"), MAIL, {}, 67),
    "not permitted": (refusing("forbidden"), MAIL, {}, 77),
    "bad content": (refusing("content"), MAIL, {}, 65),
    "database away": (BrokenSink(), MAIL, {}, 75),
    "not stored in time": (MemorySink(hold=True), MAIL, {"store_timeout": 0.1}, 75),
    "too large": (MemorySink(), MAIL + b"x" * 5000, {"size_limit": 2000}, 65),
    "too many headers": (MemorySink(), b"X: y\n" * 2000 + b"\nx", {}, 65),
    "no recipient at all": (MemorySink(), b"Subject: x\n\nx", {}, 65),
}


@pytest.mark.parametrize(("sink", "content", "settings", "code"), CODES.values(), ids=CODES.keys())
def test_exit_codes(sink: Any, content: bytes, settings: dict[str, Any], code: int) -> None:
    result = run(FakeRuntime(sink, **settings), content=content)
    assert result.exit_code == code
    assert result.stderr.startswith("mail-in: ")


@pytest.mark.parametrize("sender", ["", "MAILER-DAEMON", "<>"])
def test_a_bounce_reaches_its_attempt(sender: str) -> None:
    sink = MemorySink()
    attempt_id = new_attempt_id()
    content = b"Subject: failure notice\n\n<a@b>:\n550 5.1.1 user unknown\n"
    address = bounce_address(attempt_id, "bounce@bounces.test")
    assert run(FakeRuntime(sink), "--to", address, "--from", sender, content=content).exit_code == 0
    (event,) = sink.events
    assert isinstance(event, Failed)
    assert event.attempt_id == attempt_id


def test_an_automatic_answer_is_taken_and_dropped() -> None:
    sink = MemorySink()
    address = bounce_address(new_attempt_id(), "bounce@bounces.test")
    content = b"Subject: away\nAuto-Submitted: auto-replied\n\nI am away\n"
    assert run(FakeRuntime(sink), "--to", address, "--from", "ada@example.org", content=content).exit_code == 0
    assert not sink.events
