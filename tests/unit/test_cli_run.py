"""``ictcore run``: children that are kept alive, and a whole system that starts and stops."""

from __future__ import annotations

import http.client
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ictcore.cli.supervisor import Child, Supervisor
from ictcore.testing.servers import ServerProcess, free_port
from ictcore.testing.waiting import wait_until


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def sleeper(tmp_path: Path, name: str = "child", then: str = "import signal; signal.pause()") -> Child:
    """A child that writes its process id to a file of its name, a line for each start."""
    code = f"import os; open({str(tmp_path / name)!r}, 'a').write(f'{{os.getpid()}}\\n'); {then}"
    return Child(name, [sys.executable, "-c", code])


def starts(tmp_path: Path, name: str = "child") -> list[int]:
    path = tmp_path / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_child_that_dies_is_started_again(tmp_path: Path, handlers: None) -> None:
    supervisor = Supervisor([sleeper(tmp_path)])
    supervisor.start()
    try:
        assert supervisor.watch(until=lambda: len(starts(tmp_path)) == 1, within=20)
        os.kill(starts(tmp_path)[0], signal.SIGKILL)
        assert supervisor.watch(until=lambda: len(starts(tmp_path)) == 2, within=20)
    finally:
        supervisor.stop()
    for pid in starts(tmp_path):
        assert not _lives(pid)


def test_the_pause_grows_while_it_keeps_dying(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    child = sleeper(tmp_path, then="raise SystemExit(3)")
    child.start()
    wait_until(lambda: child.tend() or len(starts(tmp_path)) >= 3)
    child.wait(0)
    pauses = [float(text) for text in re.findall(r"ended with code 3; starting it again in ([\d.]+)", caplog.text)]
    assert pauses[:2] == [0.5, 1.0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all(tmp_path: Path, handlers: None, number: signal.Signals) -> None:
    supervisor = Supervisor([sleeper(tmp_path, "a"), sleeper(tmp_path, "b")])
    supervisor.start()
    ready = supervisor.watch(until=lambda: bool(starts(tmp_path, "a") and starts(tmp_path, "b")), within=20)
    assert ready
    threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
    assert supervisor.watch() is False
    supervisor.stop()
    assert not any(_lives(pid) for name in "ab" for pid in starts(tmp_path, name))
    supervisor.stop()


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path, handlers: None) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(%r, 'w').close(); signal.pause()"
    ready = tmp_path / "ready"
    supervisor = Supervisor([sleeper(tmp_path, then=stubborn % str(ready))], patience=0.2)
    supervisor.start()
    assert supervisor.watch(until=ready.exists, within=20)
    supervisor.stop()
    assert not _lives(starts(tmp_path)[0])


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# -- the whole system -------------------------------------------------------------------------------------------------


class System:
    """``ictcore run`` with no plugin loaded but those that are not blocked."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port = free_port()
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.process = ServerProcess(
            [sys.executable, "-m", "ictcore", "run"],
            log=folder / "log",
            folder=folder,
            ready=lambda: "ICTCore is ready" in self.process.output(),
            environment={
                "ICTCORE_HOME": str(folder / "var"),
                "ICTCORE_HTTP_PORT": str(self.port),
                "ICTCORE_SECURITY_ARGON2_MEMORY": "8",
                "PYTHONUNBUFFERED": "1",
                **variables,
            },
        )

    def health(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def children(self) -> dict[str, int]:
        """Part -> process id."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
                parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            named = [word for word in words if word]  # a dead process that nobody has asked after has no command line
            if parent == self.process.pid and named:
                found[named[-1]] = int(path.name)
        return found


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., System]]:
    running: list[System] = []

    def start(**variables: str) -> System:
        system = System(tmp_path / "system", **variables)
        running.append(system)
        system.process.start(60)
        return system

    yield start
    for system in running:
        system.process.stop()


@pytest.mark.slow
def test_it_starts_restarts_its_parts_and_stops(started: Callable[..., System]) -> None:
    system = started()
    printed = system.process.output()
    assert f"ICTCore is ready at http://127.0.0.1:{system.port}" in printed
    assert re.search(r"shown this once: \S{16}", printed)
    assert system.health() == 200
    parts = system.children()
    assert set(parts) == {"serve", "dispatch", "scheduler"}
    environment = Path(f"/proc/{parts['serve']}/environ").read_bytes()
    assert b"ICTCORE_ADMIN_PASSWORD" not in environment
    for part in ("serve", "dispatch"):
        os.kill(parts[part], signal.SIGKILL)
        wait_until(lambda part=part: system.children().get(part) not in (None, parts[part]), 30)
    wait_until(lambda: system.health() == 200, 30)
    everybody = system.children()
    system.process.stop(30)
    assert not any(_lives(pid) for pid in everybody.values())
    assert system.health() == 0


@pytest.mark.slow
def test_children_do_not_outlive_a_killed_parent(started: Callable[..., System]) -> None:
    system = started(ICTCORE_ADMIN_PASSWORD="correct horse")
    assert "correct horse" not in system.process.output()
    parts = system.children()
    system.process.kill()
    wait_until(lambda: not any(_lives(pid) for pid in parts.values()), 40)


def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        system = System(tmp_path / "x", ICTCORE_HTTP_PORT=str(taken.getsockname()[1]))
        with pytest.raises(AssertionError, match="ended with code 1"):
            system.process.start(60)
        assert "cannot listen on 127.0.0.1 port" in system.process.output()
        assert "ICTCORE_HTTP_PORT" in system.process.output()
        assert "Traceback" not in system.process.output()
        assert not (tmp_path / "x" / "var").exists(), "nothing was made yet"
