"""The command line, command by command."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ictcore.cli import logs
from ictcore.cli.main import COMMANDS, main
from ictcore.settings import CORE, LoadedSettings
from ictcore.spec.settings import Setting
from ictcore.store.database import Store
from ictcore.store.identity import Identity


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, hashes that are quick, and logging as it was at the end."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": tmp_path / "var", "SECURITY_ARGON2_MEMORY": 8, "SECURITY_ARGON2_TIME": 1}.items():
        monkeypatch.setenv(f"ICTCORE_{name}", str(value))
    monkeypatch.delenv("ICTCORE_ADMIN_PASSWORD", raising=False)
    monkeypatch.delenv("ICTCORE_CONFIG", raising=False)
    return tmp_path / "var"


@pytest.fixture(autouse=True)
def _logging() -> Any:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(False)


def ictcore(*arguments: str, given: str | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, list(arguments), input=given, prog_name="ictcore")


def store(home: Path) -> Store:
    return Store(f"sqlite:///{home}/ictcore.db")


def test_help_lists_every_command() -> None:
    shown = ictcore("--help")
    assert shown.exit_code == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", shown.stdout, re.MULTILINE), name
        helped = ictcore(name, "--help")
        assert helped.exit_code == 0
        assert "Usage: ictcore" in helped.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("no-such-command",), "No such command", id="command"),
        pytest.param(("--no-such-option",), "No such option", id="option"),
        pytest.param(("--set", "x", "version"), "SECTION.NAME=VALUE", id="no value"),
        pytest.param(("--set", "x=1", "version"), "SECTION.NAME=VALUE", id="no section"),
        pytest.param(("--set", "http.port=many", "check-config"), "http.port: must be a whole number", id="bad value"),
        pytest.param(("--set", "http.port=0", "serve"), "http.port: must be at least 1", id="bad value for serve"),
        pytest.param(("--config", "missing.conf", "print-config"), "missing.conf", id="missing file"),
        pytest.param(("--set", "database.url=mysql://x", "print-config"), "database.url", id="unknown engine"),
    ],
)
def test_wrong_calls_end_with_2_and_say_why(home: Path, arguments: tuple[str, ...], says: str) -> None:
    result = ictcore(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.output


def test_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", ictcore("version").stdout)


def test_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "ictcore", "version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ictcore("version").stdout)


# -- a new system -----------------------------------------------------------------------------------------------------


def test_migrate_and_bootstrap_twice(home: Path) -> None:
    assert "applied: 0001_initial" in ictcore("migrate").stdout
    assert "up to date" in ictcore("migrate").stdout
    made = ictcore("bootstrap").stdout
    password = re.search(r"password \(it is not shown again\): (\S+)", made)
    assert password is not None
    assert len(password[1]) >= 16
    assert "everything is there" in ictcore("bootstrap").stdout
    opened = store(home)
    admin = Identity(opened).by_name("admin")
    assert admin is not None
    assert admin.active
    assert password[1] not in str(opened.rows("SELECT * FROM usr"))
    assert opened.value("SELECT count(*) FROM account WHERE created_by = 1") == 1
    assert opened.rows("SELECT name FROM role JOIN user_role ON role_id = id ORDER BY name") == [("admin",), ("user",)]
    assert home.stat().st_mode & 0o007 == 0, "nobody else may look into it"
    opened.close()


def test_the_first_password_may_be_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICTCORE_ADMIN_PASSWORD", "correct horse")
    result = ictcore("bootstrap")
    assert result.exit_code == 0
    assert "correct horse" not in result.output


def test_a_short_first_password_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICTCORE_ADMIN_PASSWORD", "short")
    result = ictcore("bootstrap")
    assert result.exit_code == 2
    assert "ICTCORE_ADMIN_PASSWORD: must have at least 8 characters" in result.stderr


def test_bootstrap_from_many_processes_makes_one_of_each(home: Path) -> None:
    ictcore("migrate")
    argv = [sys.executable, "-m", "ictcore", "bootstrap"]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 3, outputs
    assert sum("password" in out for out, _ in outputs) == 1
    opened = store(home)
    assert opened.row("SELECT (SELECT count(*) FROM usr), (SELECT count(*) FROM role)") == (1, 2)
    assert opened.value("SELECT count(*) FROM (SELECT name FROM permission GROUP BY name HAVING count(*) > 1)") == 0
    opened.close()


# -- users ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def made(home: Path) -> Path:
    assert ictcore("bootstrap").exit_code == 0
    return home


def test_users_from_the_command_line(made: Path) -> None:
    added = ictcore("user", "add", "bob", "--email", "bob@example.com", "--admin", given="from a pipe\n")
    assert added.stdout == "user bob has id 2\n"
    shown = ictcore("user", "list").stdout
    assert re.search(r"2 +bob +bob@example.com +yes +admin, user", shown)
    made_up = ictcore("user", "add", "eve", given="")
    assert re.search(r"password \(it is not shown again\): \S{16}", made_up.stdout)
    assert "admin" not in next(line for line in ictcore("user", "list").stdout.splitlines() if "eve" in line)


def test_a_new_password_revokes(made: Path) -> None:
    opened = store(made)
    before = Identity(opened).by_id(1)
    result = ictcore("user", "password", "admin", "--password", "another one")
    assert result.stdout == "user admin has a new password\n"
    after = Identity(opened).by_id(1)
    assert before is not None
    assert after is not None
    assert before.password_hash != after.password_hash
    assert before.generation != after.generation
    opened.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("user", "add", "admin", "--password", "long enough"), "username is taken"),
        (("user", "password", "nobody", "--password", "long enough"), "there is no user nobody"),
        (("user", "add", "bob", "--password", "short"), "password: must have at least 8"),
        (("user", "add", "", "--password", "long enough"), "username: must not be empty"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(made: Path, arguments: tuple[str, ...], says: str) -> None:
    result = ictcore(*arguments)
    assert result.exit_code in (1, 2)
    assert says in result.stderr
    assert "Traceback" not in result.output


# -- keys and settings ------------------------------------------------------------------------------------------------


def test_keys_rotate(made: Path) -> None:
    first = ictcore("keys", "rotate").stdout
    second = ictcore("keys", "rotate").stdout
    assert first.startswith("new key: ")
    assert "removed" not in second, "tokens that it signed may live"
    version = "SELECT version FROM identity_version"
    opened = store(made)
    before = opened.value(version)
    last = ictcore("keys", "rotate", "--revoke").stdout
    assert last.count("removed: ") == 2
    assert len(list((made / "keys").glob("*.key"))) == 1
    assert opened.value(version) > before, "processes must forget the tokens that they know"
    opened.close()


def test_check_config_names_what_nobody_reads(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text("[http]\nport = 81\n[old]\nthing = 1\n")
    result = ictcore("--config", str(file), "check-config")
    assert (result.exit_code, result.stdout) == (1, "old.thing: nobody reads this setting\n")
    file.write_text("[http]\nport = 81\n")
    assert ictcore("--config", str(file), "check-config").exit_code == 0


def test_print_config_tells_origin_and_hides_secrets(home: Path, tmp_path: Path) -> None:
    url = "postgresql://u:open-sesame@h/n"
    result = ictcore("--set", f"database.url={url}", "--set", "http.port=81", "print-config")
    assert "sesame" not in result.output
    assert "# TCP port on which the API listens. From: flag.\nport = 81" in result.stdout
    changed = ictcore("--set", "http.port=81", "print-config", "--changed").stdout
    assert "port = 81" in changed
    assert "workers" not in changed
    file = tmp_path / "again.conf"
    file.write_text(changed)
    assert ictcore("--config", str(file), "check-config").exit_code == 0


# -- logs -------------------------------------------------------------------------------------------------------------


def logged(capsys: pytest.CaptureFixture[str], **flags: str) -> str:
    declared = [*CORE, Setting("loft", "key", str, "", "A secret.", secret=True)]
    logs.configure(LoadedSettings(declared, flags={key.replace("_", ".", 1): value for key, value in flags.items()}))
    try:
        raise ValueError("open-sesame")
    except ValueError:
        logging.getLogger("a.b").exception("said %s\nand %r", "open-sesame", {"key": "open-sesame"})
    logging.getLogger("a.b").debug("quiet")
    return capsys.readouterr().err


def test_secrets_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    text = logged(capsys, loft_key="open-sesame")
    assert "sesame" not in text
    assert "ValueError: ********" in text


def test_one_line_per_record(capsys: pytest.CaptureFixture[str]) -> None:
    first, *rest = logged(capsys).splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z ERROR a\.b said open-sesame\\nand ", first)
    assert all(line.startswith("    ") for line in rest)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, core_log_format="json").splitlines()
    record = json.loads(line)
    assert (record["level"], record["logger"]) == ("error", "a.b")
    assert "ValueError" in record["trace"]


def test_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    assert "quiet" not in logged(capsys)
    assert "quiet" in logged(capsys, core_log_level="debug")
