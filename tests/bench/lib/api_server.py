"""The real API under gunicorn, and a bare Falcon application beside it: one worker of one thread each."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ictcore.testing.servers import ServerProcess, free_port
from tests.bench.lib.process import children, peak_memory, processor_time
from tests.bench.lib.systems import PASSWORD

ROOT = Path(__file__).resolve().parents[3]


class ApiServer:
    """``ictcore serve`` over a system that :func:`tests.bench.lib.systems.new_system` has made."""

    def __init__(self, home: Path, *, url: str = "", settings: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            "ICTCORE_HOME": str(home),
            "ICTCORE_HTTP_PORT": str(self.port),
            "ICTCORE_HTTP_WORKERS": "1",
            "ICTCORE_HTTP_THREADS": "1",
            "ICTCORE_DATABASE_URL": url,
            **(settings or {}),
        }
        argv = [str(Path(sys.executable).with_name("ictcore")), "serve"]
        self.process = ServerProcess(argv, log=home / "serve.log", port=self.port, environment=environment, folder=home)

    def token(self) -> str:
        """A new token of the administrator, by ``POST /authenticate``."""
        body = json.dumps({"username": "admin", "password": PASSWORD}).encode()
        request = urllib.request.Request(self.url + "/authenticate", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            token: str = json.load(answer)["token"]
        return token

    def peak_memory(self) -> float:
        """The most MB that its worker has held so far (``VmHWM``)."""
        return max(peak_memory(child) for child in children(self.process.pid))

    def __enter__(self) -> ApiServer:
        self.process.start()
        return self

    def __exit__(self, *about: object) -> None:
        self.process.stop()


def workers_time(pid: int) -> float:
    """Seconds of CPU that the workers of a gunicorn have used so far."""
    return sum(processor_time(child) for child in children(pid))


@contextmanager
def bare_server(folder: Path, *, database: str, key: str) -> Iterator[tuple[str, int]]:
    """The bare application under gunicorn with the same kind of worker; its URL and the process id of gunicorn.

    :param database: path of an SQLite file, or URL of a PostgreSQL database.
    """
    port = free_port()
    argv = [
        sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", "1", "--threads", "1", "--keep-alive", "15",
        "-b", f"127.0.0.1:{port}", "--log-level", "warning", "--no-control-socket", "tests.bench.lib.bare_app:create()",
    ]  # fmt: skip
    environment = {"PYTHONPATH": str(ROOT), "BENCH_DATABASE": database, "BENCH_KEY": key}
    with ServerProcess(argv, log=folder / "bare.log", port=port, environment=environment, folder=folder) as process:
        yield f"http://127.0.0.1:{port}", process.pid
