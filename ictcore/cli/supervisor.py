"""Child processes that are kept alive: started, started again when they die, stopped together."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_HEALTHY_AFTER = 60.0
"""Seconds of life after which a child's earlier deaths no longer count."""
_TICK = 0.1
_PR_SET_PDEATHSIG = 1


class Child:
    """One process that shall run.

    :param name: for messages.
    :param argv: its command; there is no shell.
    """

    def __init__(self, name: str, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._argv = list(argv)
        self._environment = dict(environment) if environment is not None else None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = _FIRST_PAUSE
        self._again_at = 0.0

    @property
    def pid(self) -> int:
        """Its process id, 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C reaches us, and we tell it."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            self._argv, env=self._environment, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_us
        )

    def tend(self) -> None:
        """Start it again when it has died, after a pause that grows with each death."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._again_at:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        self._process = None
        if now - self._started > _HEALTHY_AFTER:
            self._pause = _FIRST_PAUSE
        log.error("%s ended with %s; starting it again in %g seconds", self.name, _reason(code), self._pause)
        self._again_at = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def ask_to_stop(self) -> None:
        """Send SIGTERM. Does nothing when it does not run."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, until: float) -> None:
        """Wait for its end until the monotonic time ``until``, then kill it with all that it started."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("%s did not stop in time and is killed", self.name)
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


class Supervisor:
    """Keeps children alive until SIGTERM or SIGINT comes. Use it from the main thread."""

    def __init__(self, children: Sequence[Child], *, patience: float = 30.0) -> None:
        self.children = list(children)
        self.stopping = False
        self._patience = patience

    def start(self) -> None:
        """Start all children and take over the signals."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)
        for child in self.children:
            child.start()

    def watch(self, until: Callable[[], bool] | None = None, within: float | None = None) -> bool:
        """Tend the children until a signal comes.

        :param until: asked now and then; when it is true, the answer is ``True``. ``within``: seconds to wait for it.
        """
        deadline = time.monotonic() + within if within is not None else None
        while not self.stopping:
            for child in self.children:
                child.tend()
            if until is not None and until():
                return True
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(_TICK)
        return False

    def stop(self) -> None:
        """Ask all to stop, wait, kill those that do not. Calling it twice is safe."""
        self.stopping = True
        for child in self.children:
            child.ask_to_stop()
        until = time.monotonic() + self._patience
        for child in self.children:
            child.wait(until)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_us() -> None:
    """In the child: get SIGTERM when the parent dies, however it dies (Linux, prctl(2))."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
