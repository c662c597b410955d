"""The whole system as a user starts it: ``ictcore run`` as a child process, on a free port, with a home of its own."""

from __future__ import annotations

import base64
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ictcore.testing.servers import ServerProcess, free_port
from ictcore.testing.waiting import wait_until

ICTCORE = Path(sys.executable).with_name("ictcore")


@dataclass
class Answer:
    """What a request got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class RunningSystem:
    """``ictcore run``.

    :param settings: ``{"kannel": {"port": 1}}``: written to a configuration file.
    :param database: URL; ``None``: SQLite in ``home``.
    """

    def __init__(
        self, home: Path, settings: Mapping[str, Mapping[str, Any]] | None = None, *, database: str | None = None
    ) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.password = ""
        self.file = home / "ictcore.conf"
        home.mkdir(parents=True, exist_ok=True)
        lines = []
        for section, values in (settings or {}).items():
            lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items())]
        self.file.write_text("\n".join(lines) + "\n")
        self.environment = {
            "ICTCORE_CONFIG": str(self.file),
            "ICTCORE_HOME": str(home / "var"),
            "ICTCORE_HTTP_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }
        if database:
            self.environment["ICTCORE_DATABASE_URL"] = database
        self.process = ServerProcess(
            [ICTCORE, "run"],
            log=home / "run.log",
            ready=lambda: "Stop with Ctrl-C" in self.printed,
            environment=self.environment,
        )

    @property
    def printed(self) -> str:
        """All that it has printed so far."""
        return self.process.output()

    def start(self) -> RunningSystem:
        """Start, and wait until it says that it is ready."""
        self.process.log.unlink(missing_ok=True)
        self.process.start()
        found = re.search(r"password, shown this once: (\S+)", self.printed)
        if found and not self.password:
            self.password = found[1]
        return self

    def stop(self) -> None:
        """Stop it as a service manager does."""
        self.process.stop()

    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, raw: bytes = b""
    ) -> Answer:
        """One request as ``admin``; any status is an answer."""
        data = json.dumps(body).encode() if body is not None else raw or None
        request = urllib.request.Request(self.url + path, data=data, method=method)
        token = base64.b64encode(f"admin:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def made(self, path: str, body: Any, **options: Any) -> dict[str, Any]:
        """POST, and the decoded answer; any status but 200 fails the test."""
        answer = self.call("POST", path, body, **options)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found

    def got(self, path: str) -> Any:
        """GET, and the decoded answer; any status but 200 fails the test."""
        answer = self.call("GET", path)
        assert answer.status == 200, answer.body
        return answer.json

    def ended(self, transmission_id: int, timeout: float = 30.0) -> str:
        """Wait until the transmission has ended; its status."""

        def status() -> str:
            found: str = self.got(f"/transmissions/{transmission_id}/status")["status"]
            return found

        wait_until(lambda: status() in ("completed", "failed", "invalid"), timeout)
        return status()
