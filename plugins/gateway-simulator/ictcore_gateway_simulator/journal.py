"""A file of everything that left, one JSON object a line, written before anything is reported.

It outlives a crash: tests count in it, and a restarted simulator reads in it what became of an attempt.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename={"source": "from", "destination": "to"}):
    """One attempt that left.

    :ivar at: seconds since 1970.
    :ivar outcome: name of its row in the table of outcomes.
    """

    at: float
    id: str
    service: str
    source: str
    destination: str
    outcome: str
    text: str = ""
    subject: str = ""
    html: str = ""


class Journal:
    """Appends to one file; several processes may append to the same one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1

    def append(self, entries: Sequence[Entry]) -> None:
        """Write all of them by one system call.

        :raises OSError: the file cannot be written; what has been written of this batch is taken back.
        """
        if self._file < 0:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        lines = b"".join(_encode(entry) for entry in entries)
        written = os.write(self._file, lines)
        if written < len(lines):
            with suppress(OSError):
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(28, "the disk is full")

    def close(self) -> None:
        """Close the file; the next :meth:`append` opens it again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _encode(entry: Entry) -> bytes:
    try:
        return msgspec.json.encode(entry) + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair: keep what can be kept
        values = msgspec.structs.asdict(entry)
        clean: dict[str, Any] = {
            name: _clean(value) if isinstance(value, str) else value for name, value in values.items()
        }
        return msgspec.json.encode(Entry(**clean)) + b"\n"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def read(path: Path) -> Iterator[Entry]:
    """Every entry, in order; none when there is no file. A last line that a crash cut off is left out."""
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(Entry)
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield decoder.decode(line)


def counts(path: Path) -> Counter[str]:
    """How often each attempt left: for tests of "exactly once"."""
    return Counter(entry.id for entry in read(path))
