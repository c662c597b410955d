"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from ictcore.testing.require import require_program
from ictcore.testing.servers import ServerProcess, free_port
from ictcore.testing.waiting import PATIENCE

USER = "ictcore"
"""The database role; a superuser without a password, on the loopback interface only."""


def program_folders() -> list[Path]:
    """Where distributions put the server programs, the newest version first."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    return sorted(found, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], reverse=True)


class PostgresServer:
    """PostgreSQL in a temporary folder, on a free port. It refuses to run as root: then it runs as user ``postgres``.

    :param durable: write to the disk as a production server does (``fsync``); without it the tests are quicker, and
        only a crash of the whole machine could tell the difference.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._initdb = require_program("postgresql", "initdb", program_folders())
        self._programs = Path(self._initdb).resolve().parent
        self._user = _other_user() if os.geteuid() == 0 else None
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="ictcore-postgres-"))
        self._durable = durable
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._server = ServerProcess(
            [
                self._programs / "postgres", "-D", self.folder / "data", "-p", str(self.port),
                "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}",
                "-c", f"fsync={'on' if durable else 'off'}", "-c", f"full_page_writes={'on' if durable else 'off'}",
                "-c", "max_connections=100", "-c", "shared_buffers=32MB",
            ],
            log=self.folder / "server.log",
            ready=self._ready,
            user=self._user,
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients
        )  # fmt: skip

    @property
    def process(self) -> ServerProcess:
        """The server's process: to look at its log, or to stop it in the middle of something."""
        return self._server

    def start(self) -> PostgresServer:
        """Make the cluster if there is none, and start the server. Blocks some seconds; safe to call again."""
        if not (self.folder / "data" / "PG_VERSION").exists():
            self._run(
                self._initdb, "-D", str(self.folder / "data"), "-U", USER, "-A", "trust",
                "-E", "UTF8", "--locale=C.UTF-8", *([] if self._durable else ["--no-sync"]),
            )  # fmt: skip
        self._server.start()
        return self

    def url(self, database: str = "postgres") -> str:
        """The URL to connect with."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """A new empty database; returns its URL.

        :param name: small letters, digits and ``_``.
        """
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
            raise ValueError("a database name has small letters, digits and _")
        self._client("createdb", name)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, even while somebody is connected. Nothing happens when there is none."""
        self._client("dropdb", "--if-exists", "--force", name)

    def restart(self) -> None:
        """Stop (clients are cut off) and start again, on the same port with the same data."""
        self._server.restart()

    def crash(self) -> None:
        """End at once without a checkpoint; :meth:`start` then recovers from the log as after a power cut."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.stop()

    def pause(self) -> None:
        """Stop the server and keep its data; :meth:`start` goes on. Calling it twice is safe."""
        self._server.stop()

    def stop(self) -> None:
        """Stop it and remove its folder. Calling it twice is safe."""
        self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ready(self) -> bool:
        argv = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "2"]
        return subprocess.run(argv, check=False).returncode == 0

    def _client(self, program: str, *arguments: str) -> None:
        self._run(str(self._programs / program), "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, *arguments)

    def _run(self, *argv: str) -> None:
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, user=self._user, cwd=self.folder, timeout=PATIENCE * 3
        )
        if done.returncode != 0:
            raise AssertionError(f"{Path(argv[0]).name} failed: {done.stderr.strip()}")


def _other_user() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise AssertionError("there is no user to run PostgreSQL as")
