from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ictcore_gateway_simulator.gateway import SimulatorGateway
from ictcore_gateway_simulator.journal import Entry, Journal, counts, read

from ictcore.spec import Attempt, Delivered, Failed, GatewayUnavailable, NotSubmitted, Submitted
from ictcore.testing import MemorySink, wait_until

Make = Callable[..., SimulatorGateway]
Build = Callable[..., Attempt]


def entry(number: int, **more: str) -> Entry:
    return Entry(at=1.0, id=f"id{number}", service="sms", source="", destination="+1", outcome="delivered", **more)


def test_what_left_is_in_the_journal_before_it_is_reported(
    make: Make, attempt: Build, sink: MemorySink, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    seen: list[int] = []

    class Watching(MemorySink):
        def put(self, events):  # type: ignore[no-untyped-def]
            seen.append(sum(counts(path).values()))
            return super().put(events)

    gateway = make(into=Watching(), journal=str(path))
    gateway.submit([attempt("+15551239999"), attempt("+15551230013")])
    assert seen[0] == 2


def test_only_what_left_is_in_the_journal(make: Make, attempt: Build, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    gateway = make(journal=str(path))
    names = ["delivered", "busy", "throttled", "unavailable", "refused", "uncertain", "lost"]
    attempts = {name: attempt(f"{name}@example.com") for name in names}
    gateway.submit(list(attempts.values()))
    left = {name for name, each in attempts.items() if counts(path)[each.id]}
    assert left == {"delivered", "busy", "uncertain", "lost"}


def test_a_repeated_id_is_counted_and_leaves_once(make: Make, attempt: Build, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    gateway = make(journal=str(path))
    one = attempt("+15551239999")
    gateway.submit([one, one])
    gateway.submit([one])
    assert counts(path)[one.id] == 1
    assert gateway.submissions(one.id) == 3
    assert gateway.health()[0].detail["repeated"] == 2


def test_two_processes_append_to_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first, second = Journal(path), Journal(path)
    first.append([entry(1)])
    second.append([entry(2), entry(1)])
    first.append([entry(3)])
    first.close()
    first.append([entry(4)])
    assert counts(path) == {"id1": 2, "id2": 1, "id3": 1, "id4": 1}
    first.close()
    second.close()
    second.close()


@pytest.mark.parametrize("text", ['line\nbreak \x00 "quote"', "😀 ☎", "\ud800", "\u2028"])
def test_any_text_stays_on_one_line(text: str, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append([entry(1, text=text), entry(2)])
    journal.close()
    first, _ = read(journal.path)
    assert first.text == text.encode("utf-8", "replace").decode()


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append([entry(1), entry(2)])
    journal.close()
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-5])
    assert [each.id for each in read(journal.path)] == ["id1"]
    assert list(read(tmp_path / "none")) == []


@pytest.mark.parametrize("path", ["/dev/full", "/nonexistent/journal"])
def test_what_cannot_be_journalled_does_not_leave(path: str, make: Make, attempt: Build, sink: MemorySink) -> None:
    gateway = make(journal=path)
    one, other = attempt("+15551239999"), attempt("+15551230018")
    for count in (1, 2):
        gateway.submit([one, other])
        for each in (one, other):
            events = sink.of(each.id)
            assert len(events) == count
            assert isinstance(events[-1], NotSubmitted)
            assert isinstance(events[-1].error, GatewayUnavailable)
    assert "journal" in gateway.health()[0].fault


def test_a_restarted_simulator_learns_from_the_journal(make: Make, attempt: Build, tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    done, failed, silent = attempt("+15551239999"), attempt("+15551230001"), attempt("+15551230013")
    unknown, never = attempt("+15551230018"), attempt("+15551239999")
    first = make(into=MemorySink(), journal=path, delay=3600.0)
    first.submit([done, failed, silent, unknown])
    sink = MemorySink()
    second = make(into=sink, journal=path, delay=0.0)
    answer = second.reconcile([each.id for each in (done, failed, silent, unknown, never)])
    assert {(type(event), event.attempt_id) for event in answer.events if not hasattr(event, "service")} == {
        (Delivered, done.id),
        (Failed, failed.id),
    }
    assert answer.never_sent == {never.id}
    assert answer.pending == frozenset()
    assert not sink.events


def test_what_is_not_due_yet_is_pending_after_a_restart(make: Make, attempt: Build, tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    one = attempt("+15551239999")
    make(into=MemorySink(), journal=path, delay=3600.0).submit([one])
    sink = MemorySink()
    second = make(into=sink, journal=path, delay=3600.0)
    assert second.reconcile([one.id]).pending == {one.id}
    second.stop(10.0)
    assert [type(event) for event in sink.of(one.id)] == [Delivered]


def test_without_a_journal_only_its_own_are_known(make: Make, attempt: Build) -> None:
    gateway = make(delay=3600.0)
    one, stranger = attempt("+15551239999"), attempt("+15551239999")
    gateway.submit([one])
    answer = gateway.reconcile([one.id, stranger.id])
    assert (answer.pending, answer.never_sent, list(answer.events)) == ({one.id}, frozenset(), [])


CHILD = """
import sys
from pathlib import Path
from ictcore.spec import Attempt, Trunk, single
from ictcore.testing import MemorySink, StaticSettings, gateway_context
from ictcore_gateway_simulator.gateway import SimulatorGateway
from ictcore_gateway_simulator.plugin import SETTINGS

home, journal = map(Path, sys.argv[1:])
settings = StaticSettings(SETTINGS, {"simulator.journal": str(journal), "simulator.delay": 3600.0})
gateway = SimulatorGateway(gateway_context(home, settings))
gateway.provision([Trunk(1, "s", "simulator", frozenset({"sms"}))])
gateway.start(MemorySink())
for number in range(1_000_000):
    gateway.submit([Attempt(id=f"a{number}", service="sms", source="", destination="+15551239999", trunk=1,
                            plan=single("sms_send", {"text": "x"}))])
    print(f"a{number}", flush=True)
"""


def test_the_journal_outlives_a_kill(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    argv = [sys.executable, "-c", CHILD, str(tmp_path), str(journal)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [child.stdout.readline().strip() for _ in range(50)]
        os.kill(child.pid, signal.SIGKILL)
        told += [line.strip() for line in child.stdout if line.endswith("\n")]
    found = counts(journal)
    assert len(told) >= 50
    assert all(found[attempt_id] == 1 for attempt_id in told)


def test_stopping_reports_what_is_pending(make: Make, attempt: Build, sink: MemorySink) -> None:
    gateway = make(delay=3600.0, late=7200.0)
    attempts = [attempt("+15551239999"), attempt("+15551230010")]
    gateway.submit(attempts)
    gateway.stop(10.0)
    for each in attempts:
        assert [type(event) for event in sink.of(each.id)] == [Submitted, Delivered]
    assert gateway.room() == 0
    one = attempt("+15551239999")
    gateway.submit([one])
    wait_until(lambda: sink.of(one.id))
    assert isinstance(sink.of(one.id)[0], NotSubmitted)


def test_room_is_what_the_capacity_leaves(make: Make, attempt: Build) -> None:
    gateway = make(capacity=5, delay=3600.0)
    gateway.submit([attempt("+15551239999") for _ in range(3)])
    assert gateway.room() == 2
    gateway.submit([attempt("+15551239999") for _ in range(4)])
    assert gateway.room() == 0
