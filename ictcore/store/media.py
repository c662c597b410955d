"""Stored files, by the hash of their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from ictcore.domain.errors import StoreUnavailable


class MediaStore:
    """Files below ``root``, each under its SHA-256 in two levels of folders. What is stored never changes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, content: bytes) -> str:
        """Keep ``content`` and return its digest (64 hexadecimal digits). Safe to call again and from many processes.

        When it returns, the file survives a loss of power.

        :raises StoreUnavailable: it cannot be written (disk full); nothing was kept.
        """
        digest = hashlib.sha256(content).hexdigest()
        try:
            self._write(self.path(digest), content)
        except OSError as error:
            raise StoreUnavailable(f"a file cannot be stored now: {error.strerror}") from error
        return digest

    def _write(self, target: Path, content: bytes) -> None:
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
        for folder in (target.parent, target.parent.parent, self.root):
            _sync(folder)

    def path(self, digest: str) -> Path:
        """Where the file with this digest is, or would be.

        :raises ValueError: ``digest`` is not one.
        """
        if len(digest) != 64 or not all(letter in "0123456789abcdef" for letter in digest):
            raise ValueError("not the digest of a stored file")
        return self.root / digest[:2] / digest[2:4] / digest

    def read(self, digest: str) -> bytes:
        """The content.

        :raises FileNotFoundError: there is no such file.
        """
        return self.path(digest).read_bytes()


def _sync(folder: Path) -> None:
    """Make a folder's entries survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
