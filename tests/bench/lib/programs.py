"""Programs that a benchmark needs."""

from __future__ import annotations

import shutil
from pathlib import Path

_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


class Missing(Exception):
    """A program is not installed; the message names its Debian package."""


def program(name: str, package: str) -> str:
    """The path of a program.

    :raises Missing: it is not installed.
    """
    found = shutil.which(name, path=_FOLDERS)
    if found is None:
        raise Missing(f"{name} is not installed (Debian: {package})")
    return found


def postgresql(name: str) -> str:
    """The path of a program of the newest PostgreSQL.

    :raises Missing: it is not installed.
    """
    from ictcore.testing.postgres import program_folders

    for folder in [*program_folders(), Path("/usr/bin")]:
        if (folder / name).exists():
            return str(folder / name)
    raise Missing(f"{name} is not installed (Debian: postgresql)")
