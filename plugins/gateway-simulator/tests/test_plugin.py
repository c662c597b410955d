from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from ictcore_gateway_simulator.parts import parts
from ictcore_gateway_simulator.plugin import SETTINGS, SimulatorPlugin
from ictcore_gateway_simulator.timer import Timer

from ictcore.spec import Received, Refusal, Runtime, Settings, Sink, Unavailable
from ictcore.testing import MemorySink, StaticSettings, wait_until


class FakeRuntime(Runtime):
    def __init__(self, sink: Sink, home: Path) -> None:
        self._sink = sink
        self._home = home

    @property
    def settings(self) -> Settings:
        return StaticSettings(SETTINGS)

    @property
    def home(self) -> Path:
        return self._home

    def sink(self) -> Sink:
        return self._sink


def simulate(sink: Sink, home: Path, *argv: str) -> Result:
    (command,) = SimulatorPlugin().ictcore_register_commands(FakeRuntime(sink, home))
    assert command.name == "simulate-inbound"
    return CliRunner().invoke(command, argv)


def test_an_sms_comes_in_from_the_command_line(tmp_path: Path) -> None:
    sink = MemorySink()
    result = simulate(sink, tmp_path, "--to", "60777", "--from", "+15551239999", "--text", "STOP ☎\nplease")
    assert result.exit_code == 0, result.output
    (message,) = sink.events
    assert isinstance(message, Received)
    assert (message.service, message.gateway, message.provider) == ("sms", "simulator", "simulator")
    assert (message.called, message.caller, message.text) == ("60777", "+15551239999", "STOP ☎\nplease")
    assert message.key in result.output


def test_a_mail_comes_in_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(b"%PDF-1.4")
    sink = MemorySink()
    argv = ["--service", "email", "--to", "a@x.example", "--from", "b@y.example", "--subject", "S", "--html", "<p>"]
    result = simulate(sink, tmp_path, *argv, "--attach", str(file), "--key", "m1")
    assert result.exit_code == 0, result.output
    (message,) = sink.events
    assert isinstance(message, Received)
    assert (message.subject, message.html, message.key) == ("S", "<p>", "m1")
    (part,) = message.parts
    assert (part.name, part.content_type, part.content) == ("a.pdf", "application/pdf", b"%PDF-1.4")


def test_a_refusal_is_told(tmp_path: Path) -> None:
    sink = MemorySink(refuse=lambda event: Refusal("no program answers this number"))
    result = simulate(sink, tmp_path, "--to", "1", "--from", "2")
    assert result.exit_code == 1
    assert "refused (unallocated): no program answers this number" in result.output


def test_an_absent_database_is_told(tmp_path: Path) -> None:
    class Broken(MemorySink):
        def put(self, events):  # type: ignore[no-untyped-def]
            raise Unavailable("the database is away")

    result = simulate(Broken(), tmp_path, "--to", "1", "--from", "2")
    assert result.exit_code == 1
    assert "the database is away" in result.output


@pytest.mark.parametrize("argv", [[], ["--to", "1"], ["--to", "1", "--from", "2", "--service", "telex"]])
def test_bad_options_are_refused(argv: list[str], tmp_path: Path) -> None:
    sink = MemorySink()
    assert simulate(sink, tmp_path, *argv).exit_code == 2
    assert not sink.events


def test_a_new_system_gets_one_provider_for_everything() -> None:
    (gateway_type,) = SimulatorPlugin().ictcore_register_gateways()
    (provider,) = gateway_type.default_providers(StaticSettings(SETTINGS))
    (provider_type,) = gateway_type.provider_types
    assert provider["type"] == provider_type.name
    assert provider["service_flag"] == 15
    msgspec.convert(provider.get("settings", {}), provider_type.settings)
    assert not any(provider_type.required - set(provider))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("é" * 160, 1),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("`" * 71, 2),
    ],
)
def test_parts(text: str, count: int) -> None:
    assert parts(text) == count


def test_the_timer_keeps_the_order_of_times() -> None:
    done: list[int] = []
    timer: Timer[int] = Timer(done.extend)
    timer.start()
    timer.add(0.05, [3])
    timer.add(0.0, [1])
    timer.add(0.02, [2])
    wait_until(lambda: len(done) == 3)
    assert done == [1, 2, 3]
    timer.add(3600.0, [4])
    timer.stop(10.0)
    assert done == [1, 2, 3, 4]
    timer.stop(10.0)
