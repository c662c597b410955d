"""Reports of long messages: delivered when all parts are, failed when one is. Kept in a small file between starts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_MOST: Final = 100_000
_COMPACT_AFTER: Final = 50_000


class PartLedger:
    """Which parts of which long messages are reported as delivered. Used by one thread.

    The file is only appended to, and written before the reports are acknowledged; a process that is killed finds it
    again. One line is ``attempt part``; a line without a part closes the attempt. A torn last line is ignored.

    :param path: the file; ``None`` keeps everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._open: dict[str, set[int]] = {}
        self._lines: list[str] = []
        self._written = 0
        self._file: int | None = None

    def delivered(self, attempt_id: str, part: int, total: int) -> bool:
        """Note that ``part`` was delivered. ``True`` when that makes all ``total``; then the attempt is closed."""
        parts = self._open.get(attempt_id)
        if parts is None:
            parts = self._open[attempt_id] = set()
            if len(self._open) > _MOST:
                del self._open[next(iter(self._open))]
        if part in parts:
            return False
        parts.add(part)
        if len(parts) >= total:
            self.close(attempt_id)
            return True
        self._lines.append(f"{attempt_id} {part}\n")
        return False

    def close(self, attempt_id: str) -> None:
        """Forget the attempt: it has ended. Closing it twice is safe."""
        if self._open.pop(attempt_id, None) is not None:
            self._lines.append(f"{attempt_id}\n")

    def flush(self) -> None:
        """Write what is new. Does nothing when nothing is. May block on the disk.

        :raises OSError: the disk is full or the folder is gone; what is new is kept for the next call.
        """
        if not self._lines or self._path is None:
            self._lines.clear()
            return
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        data = "".join(self._lines).encode()
        while data:
            data = data[os.write(self._file, data) :]
        self._written += len(self._lines)
        self._lines.clear()
        if self._written > _COMPACT_AFTER:
            self._compact()

    def shut(self) -> None:
        """Write what is new and close the file. Calling it twice is safe."""
        with contextlib.suppress(OSError):
            self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def load(self) -> None:
        """Read the file, if there is one.

        :raises OSError: it cannot be read, or not be written anew.
        """
        path = self._path
        if path is None:
            return
        try:
            text = path.read_text("ascii", "replace")
        except FileNotFoundError:
            return
        lines = text.split("\n")
        for line in lines[:-1]:
            attempt_id, _, part = line.partition(" ")
            if not part:
                self._open.pop(attempt_id, None)
            elif part.isdecimal() and len(part) <= 3:
                self._open.setdefault(attempt_id, set()).add(int(part))
        if len(lines) > 1000 or lines[-1]:
            self._compact()
        else:
            self._written = len(lines)

    def _compact(self) -> None:
        """Write the file anew with what is open; replaced in one step."""
        assert self._path is not None
        fresh = self._path.with_suffix(".new")
        lines = list(_lines(self._open.items()))
        fresh.write_text("".join(lines), "ascii")
        os.replace(fresh, self._path)
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._written = len(lines)


def _lines(open_: Iterable[tuple[str, set[int]]]) -> Iterable[str]:
    for attempt_id, parts in open_:
        for part in sorted(parts):
            yield f"{attempt_id} {part}\n"
