"""Files that an import needs: the upload while it is read, and the report when it is too long for the database."""

from __future__ import annotations

import csv
import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ictcore.domain.contact_reader import BadRow
from ictcore.domain.errors import InvalidInput, Unavailable

LARGEST = 2 * 1024**3
"""Bytes of one upload."""
SHOWN = 1000
"""Bad rows that the answer and the database have; a file has all of them when there are more."""


def folder(home: Path) -> Path:
    """Where these files are; made when it is missing."""
    made = home / "imports"
    made.mkdir(parents=True, exist_ok=True)
    return made


@contextmanager
def spooled(home: Path, chunks: Iterable[bytes]) -> Iterator[IO[bytes]]:
    """The whole upload as a file at its beginning. It has no name: however the process ends, it is gone.

    An upload takes as long as its client likes; no transaction may wait for that.

    :raises InvalidInput: it is empty or too large.
    :raises Unavailable: there is no room for it.
    """
    with tempfile.TemporaryFile(dir=folder(home)) as file:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > LARGEST:
                raise InvalidInput(fields={"body": f"must not be larger than {LARGEST} bytes"})
            with _room():
                file.write(chunk)
        if not size:
            raise InvalidInput(fields={"body": "is empty"})
        with _room():
            file.flush()
        file.seek(0)
        yield file


class BadRows:
    """Takes bad rows: the first ones are kept in memory, all of them go to a file.

    To be used as a context; the file goes unless :meth:`keep` was called.
    """

    def __init__(self, home: Path) -> None:
        self.count = 0
        self.first: list[dict[str, Any]] = []
        self._home = home
        self._file: IO[str] | None = None
        self._row: Callable[[Iterable[Any]], Any] | None = None

    def add(self, bad: BadRow) -> None:
        """Take one.

        :raises Unavailable: the file cannot be written.
        """
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append({"line": bad.line, "field": bad.field, "reason": bad.reason})
            return
        with _room():
            if self._row is None:
                self._row = self._open()
            self._row((bad.line, bad.field, bad.reason))

    def _open(self) -> Callable[[Iterable[Any]], Any]:
        self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by keep and __exit__
            "w", dir=folder(self._home), prefix=".report-", encoding="utf-8", newline="", delete=False
        )
        writer = csv.writer(self._file)
        writer.writerows(report_lines(self.first))
        return writer.writerow

    def keep(self, report_id: int) -> None:
        """Give the file its name, when there is one. When it returns, the file survives a loss of power."""
        if self._file is not None:
            with _room():
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                os.replace(self._file.name, report_path(self._home, report_id))
            self._file = None

    def __enter__(self) -> BadRows:
        return self

    def __exit__(self, *about: object) -> None:
        if self._file is not None:
            self._file.close()
            with suppress(FileNotFoundError):
                os.unlink(self._file.name)


def report_lines(bad_rows: Iterable[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """The lines of a report: a header, and one per bad row."""
    yield ("line", "field", "reason")
    for bad in bad_rows:
        yield (bad["line"], bad["field"], bad["reason"])


def report_path(home: Path, report_id: int) -> Path:
    """Where the file of a report is, if it has one."""
    return folder(home) / f"report-{report_id}.csv"


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS):
            raise
        raise Unavailable(f"the file cannot be kept now: {os.strerror(error.errno)}", retry_after=60.0) from error
