from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ictcore.testing import require as require_module
from ictcore.testing.postgres import PostgresServer
from ictcore.testing.servers import ServerProcess, free_port, listens
from ictcore.testing.waiting import wait_until

LISTEN = (
    "import signal, socket, sys\n"
    "if 'deaf' in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "print('ready', flush=True)\n"
    "while True: server.accept()[0].close()\n"
)


def listener(port: int, tmp_path: Path, *arguments: str) -> ServerProcess:
    return ServerProcess([sys.executable, "-c", LISTEN, str(port), *arguments], log=tmp_path / "log", port=port)


def test_server_starts_listens_and_stops(tmp_path: Path) -> None:
    port = free_port()
    with listener(port, tmp_path) as server:
        assert listens(port)
        pid = server.pid
        assert server.start().pid == pid
        server.restart()
        assert server.pid != pid
        assert listens(port)
    assert not listens(port)
    assert not server.running
    server.stop()
    assert "ready" in server.output()


def test_server_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    server = listener(free_port(), tmp_path, "deaf").start()
    process = server._process
    server.stop(timeout=0.05)
    assert process is not None
    assert process.returncode == -signal.SIGKILL


def test_server_that_ends_at_once_tells_its_log(tmp_path: Path) -> None:
    server = ServerProcess([sys.executable, "-c", "print('no such trunk'); exit(3)"], log=tmp_path / "log", port=1)
    with pytest.raises(AssertionError, match=r"ended with code 3\n.*no such trunk"):
        server.start()
    assert not server.running


def test_server_that_never_serves_is_stopped(tmp_path: Path) -> None:
    server = ServerProcess([sys.executable, "-c", LISTEN, str(free_port())], log=tmp_path / "log", ready=lambda: False)
    with pytest.raises(AssertionError, match="serves"):
        server.start(timeout=0.2)
    assert not server.running


def test_ports_differ() -> None:
    assert len({free_port() for _ in range(50)}) == 50


def test_wait_until_returns_what_became_true() -> None:
    values = iter([0, "", 7])
    assert wait_until(lambda: next(values)) == 7


def test_wait_until_gives_up() -> None:
    with pytest.raises(AssertionError, match=r"the moon.*last: \[\]"):
        wait_until(list, timeout=0.01, what="the moon")


@pytest.mark.parametrize("named", ["freeswitch", "kannel, freeswitch", "all"])
def test_require_fails_where_the_server_is_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(require_module.VARIABLE, named)
    with pytest.raises(pytest.fail.Exception, match="not here"):
        require_module.require("freeswitch", False, "not here")


@pytest.mark.parametrize("named", ["", "kannel"])
def test_require_skips_elsewhere(named: str, monkeypatch: pytest.MonkeyPatch, require: Callable[..., None]) -> None:
    monkeypatch.setenv(require_module.VARIABLE, named)
    with pytest.raises(pytest.skip.Exception, match="freeswitch: not here"):
        require("freeswitch", None, "not here")
    require("freeswitch", "/usr/bin/freeswitch", "not here")


def test_require_program_finds_and_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(require_module.VARIABLE, raising=False)
    assert require_module.require_program("shell", "sh").endswith("/sh")
    with pytest.raises(pytest.skip.Exception, match="no-such-program-here"):
        require_module.require_program("x", "no-such-program-here")


def psql(server: PostgresServer, url: str, statement: str) -> str:
    argv = [str(server._programs / "psql"), "-At", "-d", url, "-c", statement]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.postgresql
def test_postgres_keeps_its_data_through_restart_and_crash() -> None:
    server = PostgresServer(durable=True)
    try:
        url = server.start().create_database("kept")
        assert psql(server, url, "show fsync") == "on"
        psql(server, url, "create table t (n int); insert into t values (1)")
        server.restart()
        psql(server, url, "insert into t values (2)")
        server.crash()
        assert not server.process.running
        server.start()
        assert psql(server, url, "select sum(n) from t") == "3"
        server.drop_database("kept")
        server.drop_database("kept")
        with pytest.raises(ValueError, match="small letters"):
            server.create_database("x; drop table t")
    finally:
        server.stop()
    assert not server.folder.exists()
    server.stop()


@pytest.mark.postgresql
def test_postgres_fixture_serves(postgres_server: PostgresServer) -> None:
    url = postgres_server.create_database("fixture_test")
    assert psql(postgres_server, url, "select 1") == "1"
    postgres_server.drop_database("fixture_test")
