"""The sample configuration of Postfix, read by Postfix's own programs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ictcore.testing.require import require_program

pytestmark = pytest.mark.real
SAMPLES = Path(__file__).parents[3] / "etc" / "postfix"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration folder with nothing of its own."""
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\ninet_interfaces = 127.0.0.1\n")
    (tmp_path / "master.cf").write_text((SAMPLES / "ictcore-master.cf").read_text())
    return tmp_path


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("ictcore-transport", "bounces.example.com", "lmtp:inet:127.0.0.1:10024"),
        ("ictcore-transport", "desk.example.com", "lmtp:inet:127.0.0.1:10024"),
        ("ictcore-transport", "other.example.com", ""),
        ("ictcore-recipients", "bounce@bounces.example.com", "ok"),
        ("ictcore-recipients", "support@desk.example.com", "ok"),
        ("ictcore-recipients", "stranger@desk.example.com", ""),
    ],
)
def test_tables(table: str, key: str, value: str, config: Path) -> None:
    program = require_program("postfix", "postmap")
    argv = [program, "-c", str(config), "-q", key, f"texthash:{SAMPLES / table}"]
    assert subprocess.run(argv, capture_output=True, text=True).stdout.strip() == value


def test_master_lines(config: Path) -> None:
    program = require_program("postfix", "postconf")
    result = subprocess.run([program, "-c", str(config), "-M"], capture_output=True, text=True, check=True)
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("ictcore")]
    assert line.split()[:8] == ["ictcore", "unix", "-", "n", "n", "-", "4", "pipe"]
    assert "mail-in --to ${recipient} --from ${sender}" in re.sub(r"\s+", " ", result.stdout)
