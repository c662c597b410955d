"""Real servers as child processes: started on free ports of the loopback interface, stopped by process id."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from ictcore.testing.waiting import PATIENCE, wait_until

_issued: set[int] = set()
_random = random.SystemRandom()


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens now; no process of tests gets the same one twice.

    It lies below the range from which the kernel takes ports for outgoing connections, so that none of those can take
    it before the server does.
    """
    while True:
        # Not the module's own generator: test runners seed it alike in every process.
        port = _random.randrange(10_000, 32_000)
        if port in _issued:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            _issued.add(port)
            return port


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1.0):
        return True
    return False


class ServerProcess:
    """One server program. Not a daemon: the program must stay in the foreground.

    :param argv: the command; there is no shell.
    :param log: file that collects its standard output and errors.
    :param ready: becomes true when it serves; default: it accepts connections on ``port``.
    :param port: TCP port on 127.0.0.1 that it listens on, ``0`` when ``ready`` tells.
    :param user: name of the user that it runs as; ``None``: the user who runs the tests.
    :param stop_signal: what asks it to end.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        port: int = 0,
        ready: Callable[[], object] | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.argv = [str(part) for part in argv]
        self.log = log
        self.port = port
        self._ready = ready
        self._folder = folder
        self._environment = environment
        self._user = user
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id, ``0`` when it does not run."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def output(self) -> str:
        """All that it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self, timeout: float = PATIENCE) -> ServerProcess:
        """Start it and block until it serves. Does nothing when it runs already.

        :raises AssertionError: it ended, or does not serve within ``timeout`` seconds; the end of its log is told.
        """
        if self.running:
            return self
        options: dict[str, object] = {}
        if self._user is not None:
            options = {"user": self._user, "group": self._user, "extra_groups": []}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={**os.environ, **self._environment} if self._environment else None,
                start_new_session=True,  # Ctrl-C in the terminal must not end it before the tests that use it
                **options,
            )
        try:
            wait_until(self._serves, timeout, f"{self.argv[0]} serves")
        except BaseException as error:
            self.stop()
            if isinstance(error, AssertionError):
                raise AssertionError(f"{error}\n{self.output()[-2000:]}") from None
            raise
        return self

    def _serves(self) -> bool:
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            raise AssertionError(f"{self.argv[0]} ended with code {code}")
        return bool(self._ready()) if self._ready else not self.port or listens(self.port)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.running and self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a crash does, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self, timeout: float = 10.0) -> None:
        """Ask it to end, wait ``timeout`` seconds, then kill it. Calling it twice is safe."""
        if self._process is None:
            return
        self.send_signal(self._stop_signal)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop it and start it again, on the same port."""
        self.stop()
        self.start()

    def __enter__(self) -> ServerProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
