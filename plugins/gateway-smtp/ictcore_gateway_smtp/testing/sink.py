"""Debian's ``smtp-sink``: takes mail as fast as it can and throws it away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ictcore.testing.require import require_program
from ictcore.testing.servers import ServerProcess, free_port


class SmtpSink:
    """One ``smtp-sink`` on a free port of 127.0.0.1.

    :param options: further options of the program, such as ``("-p",)`` for no PIPELINING.
    :ivar port: where it listens.
    """

    def __init__(self, options: Sequence[str] = ()) -> None:
        self.port = free_port()
        self._options = list(options)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: ServerProcess | None = None

    def start(self) -> SmtpSink:
        """Start it and wait until it listens. Skips the test (or fails it: ``ICTCORE_REQUIRE=postfix``) without it."""
        program = require_program("postfix", "smtp-sink")
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._folder = tempfile.TemporaryDirectory(prefix="smtp-sink-")
        argv = [program, *user, *self._options, f"127.0.0.1:{self.port}", "1000"]
        self._process = ServerProcess(argv, log=Path(self._folder.name) / "log", port=self.port)
        self._process.start()
        return self

    def stop(self) -> None:
        """Stop it. Calling it twice is safe."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> SmtpSink:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()
