"""The shell blocks of every page, run one after the other as a reader would, against a running system.

What would change the machine itself (packages, users, services) goes to stand-ins that only write down how they were
called. The addresses and passwords that a page prints are replaced by those of the running system.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ictcore.testing.servers import free_port
from tests.docs.pages import PAGES, ROOT, blocks
from tests.running import RunningSystem

STAND_INS = (
    "adduser", "apt-get", "createdb", "createuser", "dpkg-reconfigure", "install", "make", "newaliases", "pip",
    "postfix", "postmap", "postconf", "service", "systemctl", "usermod",
)  # fmt: skip
"""Programs that change the machine."""
SUDO = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        -u) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
exec "$@"
"""
WITH_SHELL = [page for page in PAGES if blocks(page, "sh")]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[RunningSystem]:
    """A system of this page's own: a tutorial names the ids that a new system gives."""
    running = RunningSystem(tmp_path / "home").start()
    yield running
    running.stop()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_SHELL, ids=lambda page: str(page.relative_to(ROOT)))
def test_shell_blocks_run(page: Path, fresh: RunningSystem, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("plugins", "contrib", "etc", "setup.cfg", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    calls = tmp_path / "calls"
    calls.touch()
    script = "\n".join(f"# {block}\n{block.text}" for block in blocks(page, "sh"))
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _mine(script, fresh, tmp_path)],
        cwd=folder,
        env=_environment(tmp_path, fresh, calls),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, f"{result.stdout[-2000:]}\n{result.stderr[-3000:]}\n{fresh.printed[-1000:]}"
    assert '"error"' not in result.stdout, result.stdout
    expected = {name for name in STAND_INS if re.search(rf"^(?:sudo (?:-\S+ )*(?:-u \S+ )?)?{name}\b", script, re.M)}
    assert expected <= set(calls.read_text().split())


def _mine(script: str, system: RunningSystem, folder: Path) -> str:
    """``script`` with this machine's addresses, password and folders."""
    for said, mine in (
        ("http://127.0.0.1:8080", system.url),
        ("the printed password", system.password),
        ("/opt/ictcore/bin/", f"{folder}/bin/"),
        ("python3 -m venv /opt/ictcore", ":"),
        ("postgresql://ictcore:secret@127.0.0.1:5432/ictcore", f"sqlite:///{folder}/other.db"),
        ("sqlite:///var/ictcore.db", f"sqlite:///{system.home}/var/ictcore.db"),
        ("/etc/ictcore/ictcore.conf", f"{folder}/clone/etc/ictcore.conf"),
        ("/var/lib/ictcore", f"{folder}/lib"),
    ):
        script = script.replace(said, mine)
    return script


def _environment(folder: Path, system: RunningSystem, calls: Path) -> dict[str, str]:
    programs = folder / "bin"
    programs.mkdir()
    for name in STAND_INS:
        _program(programs / name, f'#!/bin/sh\necho "{name}" >>"{calls}"\n')
    _program(programs / "sudo", SUDO)
    (programs / "ictcore").symlink_to(Path(sys.executable).with_name("ictcore"))
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ICTCORE_")}
    return {**kept, "PATH": os.pathsep.join(path), "ICTCORE_HOME": str(folder / "lib"), "PORT": str(free_port())}


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_curl_is_there() -> None:
    assert shutil.which("curl"), "the pages use curl"
