"""Settings: where they come from, what is refused, what is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ictcore.domain.errors import InvalidInput
from ictcore.runtime import core_settings, load_runtime
from ictcore.settings import REDACTED, LoadedSettings, configuration_file, environment
from ictcore.spec.settings import Setting

DECLARED = (
    Setting("loft", "height", int, 7, "How high.", "metres", minimum=1, maximum=9),
    Setting("loft", "share", float, 0.5, "How much."),
    Setting("loft", "open", bool, False, "Whether."),
    Setting("loft", "birds", list, [], "Which."),
    Setting("loft", "colour", str, "red", "What.", choices=("red", "blue")),
    Setting("loft", "key", str, "", "A secret.", secret=True),
)


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.conf"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    path = file(tmp_path, "[loft]\nheight = 2\nshare = 0.2\nopen = yes\n")
    found = LoadedSettings(
        DECLARED,
        file=path,
        environment={"ICTCORE_LOFT_HEIGHT": "3", "ICTCORE_LOFT_SHARE": "0.3", "HOME": "/"},
        flags={"loft.height": "4", "loft.open": None},
    )
    values = {name: found[f"loft.{name}"] for name in ("height", "share", "open", "birds")}
    assert values == {"height": 4, "share": 0.3, "open": True, "birds": []}
    sources = [found.source[f"loft.{name}"] for name in ("height", "share", "open", "birds")]
    assert sources == ["flag", "environment", "file", "default"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("open", "ON", True), ("open", "0", False), ("birds", " a, b ,,c ", ["a", "b", "c"]), ("birds", "", []),
        ("height", " 9 ", 9), ("share", "1e-3", 0.001), ("colour", "blue", "blue"), ("key", "a%(b)s;#", "a%(b)s;#"),
    ],
)  # fmt: skip
def test_texts(tmp_path: Path, name: str, text: str, value: Any) -> None:
    assert LoadedSettings(DECLARED, file=file(tmp_path, f"[loft]\n{name} = {text}\n"))[f"loft.{name}"] == value
    assert LoadedSettings(DECLARED, environment={f"ICTCORE_LOFT_{name.upper()}": text})[f"loft.{name}"] == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("height", "0"), ("height", "10"), ("height", "x"), ("height", "1.5"), ("height", ""), ("share", "much"),
        ("open", "maybe"), ("open", ""), ("colour", "green"), ("colour", "RED"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_named(name: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        LoadedSettings(DECLARED, flags={f"loft.{name}": text})
    assert list(caught.value.fields) == [f"loft.{name}"]


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        LoadedSettings(DECLARED, flags={"loft.height": "x"}, environment={"ICTCORE_LOFT_OPEN": "?"})
    assert set(caught.value.fields) == {"loft.height", "loft.open"}


def test_unknown_names_are_told_not_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "[loft]\nhight = 2\n[lost]\nx = 1\n")
    assert LoadedSettings(DECLARED, file=path, flags={"a.b": "c"}).unknown == ["loft.hight", "lost.x", "a.b"]


@pytest.mark.parametrize("text", ["height = 2\n", "[loft\n", "[loft]\nheight = 1\nheight = 2\n"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = file(tmp_path, text)
    with pytest.raises(InvalidInput) as caught:
        LoadedSettings(DECLARED, file=path)
    assert list(caught.value.fields) == [str(path)]
    with pytest.raises(InvalidInput):
        LoadedSettings(DECLARED, file=tmp_path / "missing.conf")


def test_secrets_are_not_shown() -> None:
    found = LoadedSettings(DECLARED, flags={"loft.key": "open sesame"})
    assert found["loft.key"] == "open sesame"
    assert found.shown()["loft.key"] == REDACTED
    assert "sesame" not in repr(found) + str(vars(found).get("shown", ""))
    assert LoadedSettings(DECLARED).shown()["loft.key"] == "", "one that is not set is no secret"


def test_what_is_shown_can_be_read_again(tmp_path: Path) -> None:
    found = LoadedSettings(DECLARED, flags={"loft.birds": "a,b", "loft.open": "yes"})
    lines = "".join(f"{key.partition('.')[2]} = {text}\n" for key, text in found.shown().items())
    again = LoadedSettings(DECLARED, file=file(tmp_path, f"[loft]\n{lines}"))
    assert again.shown() == found.shown()


def test_fixed_names_of_the_environment() -> None:
    assert environment({"ICTCORE_HOME": "/x"})["ICTCORE_CORE_HOME"] == "/x"
    assert environment({"ICTCORE_HOME": "/x", "ICTCORE_CORE_HOME": "/y"})["ICTCORE_CORE_HOME"] == "/y"
    settings = {setting.key: setting.variable for setting in core_settings()}
    assert settings["database.url"] == "ICTCORE_DATABASE_URL"
    assert settings["http.host"] == "ICTCORE_HTTP_HOST"
    assert settings["http.port"] == "ICTCORE_HTTP_PORT"


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ICTCORE_CONFIG", raising=False)
    assert configuration_file() is None
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "ictcore.conf").touch()
    assert configuration_file() == Path("etc/ictcore.conf")
    monkeypatch.setenv("ICTCORE_CONFIG", "a.conf")
    assert configuration_file() == Path("a.conf")
    assert configuration_file("b.conf") == Path("b.conf")


@pytest.mark.parametrize("setting", core_settings(), ids=lambda setting: setting.key)
def test_every_core_setting_is_well_declared(setting: Setting) -> None:
    assert setting.help.endswith(".")
    assert setting.default == [] or isinstance(setting.default, setting.type)
    shown = LoadedSettings([setting]).shown()[setting.key]
    if shown:
        assert setting.parse(shown) == setting.default, "its default must be legal"


def test_the_sample_file_names_only_known_settings() -> None:
    sample = (Path(__file__).parents[2] / "etc" / "ictcore.conf").read_text(encoding="utf-8")
    known = {setting.key for setting in core_settings()}
    section, named = "", set()
    for line in sample.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif " = " in line or line.endswith(" ="):
            named.add(f"{section}.{line.lstrip('# ').split(' =')[0]}")
    assert named
    assert named <= known


def test_the_runtime_warns_of_unknown_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = file(tmp_path, "[http]\nprot = 80\n")
    runtime = load_runtime(str(path), variables={"ICTCORE_HOME": str(tmp_path)}, found=())
    assert "http.prot" in caplog.text
    assert runtime.file == path
    assert runtime.settings["http.port"] == 8080
    assert runtime.store.path == tmp_path / "ictcore.db"


def test_the_runtime_takes_the_database_of_the_environment(tmp_path: Path) -> None:
    variables = {"ICTCORE_HOME": str(tmp_path), "ICTCORE_DATABASE_URL": "postgresql://u:hunter2@h/n"}
    runtime = load_runtime(variables=variables, found=())
    assert runtime.store.engine == "postgresql"
    assert "hunter2" not in repr(runtime)
