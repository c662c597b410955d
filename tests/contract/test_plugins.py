"""The plugin contract: every hook, and that a broken plugin stops nothing but itself."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from falcon import testing

from ictcore.api.wsgi import create
from ictcore.cli.main import main
from ictcore.cli.options import Options
from ictcore.plugins import PluginInfo, PluginManager, Registry
from ictcore.runtime import Runtime, core_settings, load_runtime
from ictcore.settings import LoadedSettings
from ictcore.spec import Health, ProviderType, Setting, Settings, StepDone, hookimpl, hookspecs
from ictcore.store.schema import migrate
from ictcore.usecases import health
from ictcore.usecases.bootstrap import bootstrap


def service(name: str = "pigeon", flag: int = 64) -> Any:
    return SimpleNamespace(name=name, flag=flag, address_field="phone")


def gateway(name: str = "loft", provider: str = "bird") -> Any:
    types = (ProviderType(provider, frozenset({"sms"}), dict),)  # type: ignore[arg-type]
    return SimpleNamespace(name=name, flag=0, provider_types=types, default_providers=lambda settings: ())


def plugin(**hooks: Callable[..., Any]) -> Any:
    """A plugin with these hooks; a name that is no hook is misspelt."""
    made = type("Plugin", (), {})()
    for name, function in hooks.items():
        function.__name__ = name
        setattr(made, name, hookimpl(function))
    return made


def managed(*plugins: Any, **options: Any) -> PluginManager:
    """A manager of these plugins, called ``p0``, ``p1`` …, after all ``register`` hooks were called."""
    manager = PluginManager(found=(), **options)
    for number, item in enumerate(plugins):
        manager.register(item, f"p{number}", distribution=f"dist-{number}", version="1.2")
    manager.configure(LoadedSettings(manager.declare_settings(core_settings())))
    return manager


def states(manager: PluginManager) -> list[str]:
    return [info.state for info in manager.registry.plugins]


# -- every hook -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", hookspecs.HOOKS)
def test_every_hook_is_documented_and_tested(name: str) -> None:
    hook = hookspecs.HOOKS[name]
    assert len((hook.__doc__ or "").strip()) > 40, "its contract must be written down"
    parameters = hook.__code__.co_varnames[: hook.__code__.co_argcount]
    for parameter in parameters:
        assert f":param {parameter}:" in hook.__doc__
    assert f"test_hook_{name}" in globals(), "it must have a test of its own"
    reference = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"
    assert name in reference.read_text(encoding="utf-8")


def test_no_test_is_for_a_hook_that_is_gone() -> None:
    tested = {name.removeprefix("test_hook_") for name in globals() if name.startswith("test_hook_")}
    assert tested == set(hookspecs.HOOKS)


def test_hook_ictcore_register_settings() -> None:
    wanted = Setting("loft", "height", int, 7, "How high.")
    manager = managed(plugin(ictcore_register_settings=lambda: [wanted]))
    assert manager.registry.settings["loft.height"] is wanted


def test_hook_ictcore_configure() -> None:
    seen: list[Any] = []
    setting = Setting("loft", "height", int, 7, "How high.")

    def configure(settings: Settings) -> None:
        seen.append(("configure", settings["loft.height"]))

    def services() -> Sequence[Any]:
        seen.append("services")
        return []

    managed(
        plugin(
            ictcore_register_settings=lambda: [setting],
            ictcore_register_services=services,
            ictcore_configure=configure,
        )
    )
    assert seen == [("configure", 7), "services"], "before any other register hook"


def test_hook_ictcore_register_services() -> None:
    manager = managed(plugin(ictcore_register_services=lambda: [service()]))
    assert manager.registry.service_of(64) is manager.registry.services["pigeon"]


def test_hook_ictcore_register_gateways() -> None:
    manager = managed(plugin(ictcore_register_gateways=lambda: [gateway()]))
    found = manager.registry.provider_type("bird")
    assert found is not None
    assert found[0] is manager.registry.gateways["loft"]
    assert manager.registry.provider_type("fish") is None


def test_hook_ictcore_register_programs() -> None:
    program = SimpleNamespace(name="sendpigeon")
    assert managed(plugin(ictcore_register_programs=lambda: [program])).registry.programs == {"sendpigeon": program}


class Echo:
    """A dialect that tells what it got, and what the core answers to ``/health``."""

    name, prefix = "echo", "/old/api"

    def wsgi(self, core: Any) -> Any:
        def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/status":
                return core({**environ, "SCRIPT_NAME": "", "PATH_INFO": "/health"}, start)  # type: ignore[no-any-return]
            start("200 OK", [("Content-Type", "text/plain")])
            return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]

        return app


def test_hook_ictcore_register_dialects(tmp_path: Path) -> None:
    class Broken:
        name, prefix = "broken", "/broken"

        def wsgi(self, core: Any) -> Any:
            raise RuntimeError("no")

    runtime = running(tmp_path, plugin(ictcore_register_dialects=lambda: [Echo(), Broken()]))
    client = testing.TestClient(create(runtime.system))
    assert client.simulate_get("/old/api/calls/1").text == "/old/api|/calls/1"
    assert client.simulate_get("/old/api").text == "/old/api|"
    assert client.simulate_get("/old/api/status").json["status"] == "ready"
    assert client.simulate_get("/old/apiary").status_code == 404
    assert client.simulate_get("/broken/x").status_code == 404
    assert client.simulate_get("/health").json["status"] == "ready"
    assert client.simulate_get("/old/api/x").headers["X-Content-Type-Options"] == "nosniff"


def test_hook_ictcore_register_commands(tmp_path: Path) -> None:
    def commands(runtime: Runtime) -> Sequence[click.Command]:
        @click.command("coo")
        def coo() -> None:
            """Say something."""
            click.echo(f"coo in {runtime.home.name}")

        return [coo]

    runtime = running(tmp_path, plugin(ictcore_register_commands=commands))
    assert invoke(runtime, "coo").output == f"coo in {tmp_path.name}\n"
    assert "Say something." in invoke(runtime, "--help").output


def test_hook_ictcore_health(tmp_path: Path) -> None:
    def report(settings: Settings) -> Sequence[Health]:
        return [Health("roof", "it leaks", {"node": settings["core.node"]}), Health("floor")]

    def broken(settings: Settings) -> Sequence[Health]:
        raise RuntimeError("no")

    runtime = running(tmp_path, plugin(ictcore_health=broken), plugin(ictcore_health=report))
    report_ = health.check(runtime.system)
    entries = {entry.name: entry for entry in report_.dependencies}
    assert (entries["roof"].ok, entries["roof"].fault, entries["roof"].detail) == (False, "it leaks", {"node": "local"})
    assert entries["floor"].ok
    assert report_.ready, "a plugin's fault is told, and stops nothing"


def test_hook_ictcore_events_committed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    def broken(events: Sequence[Any]) -> None:
        raise RuntimeError("deaf")

    def hears(events: Sequence[Any]) -> None:
        heard.extend(events)

    runtime = running(tmp_path, plugin(ictcore_events_committed=broken), plugin(ictcore_events_committed=hears))
    event = StepDone(attempt_id="unknown", at=runtime.system.clock(), step="send", outcome="success")
    receipt = runtime.sink().put([event])
    assert receipt.wait(0)
    assert heard == [event]
    assert "p0 failed in ictcore_events_committed" in caplog.text


# -- the broken -------------------------------------------------------------------------------------------------------


def entry_point(tmp_path: Path, name: str, source: str) -> tuple[EntryPoint, None]:
    """An installed plugin whose module has this text."""
    module = f"{name}_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{module}.py").write_text(source)
    return EntryPoint(name, module, hookspecs.ENTRY_POINT_GROUP), None


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


GOOD = """
from types import SimpleNamespace
from ictcore.spec import hookimpl

@hookimpl
def ictcore_register_programs():
    return [SimpleNamespace(name="good")]
"""


@pytest.mark.parametrize(
    ("source", "error"),
    [
        pytest.param("import no_such_module_at_all", "ModuleNotFoundError", id="import error"),
        pytest.param("1 / 0", "ZeroDivisionError", id="exception at import"),
        pytest.param("def (", "SyntaxError", id="no Python"),
        pytest.param("raise SystemExit(3)", "SystemExit", id="exit at import"),
        pytest.param(GOOD.replace("programs", "programmes"), "register_programmes", id="misspelt hook"),
        pytest.param(GOOD.replace("programs():", "programs(core):"), "core", id="unknown parameter"),
        pytest.param(GOOD.replace("return", "raise RuntimeError('x')\n    return"), "RuntimeError: x", id="hook fails"),
        pytest.param(GOOD.replace('[SimpleNamespace(name="good")]', "[42]"), "AttributeError", id="nonsense"),
        pytest.param(GOOD.replace('[SimpleNamespace(name="good")]', "42"), "TypeError", id="no list"),
    ],
)
def test_a_broken_plugin_is_quarantined_and_the_others_run(importable: Path, source: str, error: str) -> None:
    found = [entry_point(importable, "bad", source), entry_point(importable, "good", GOOD)]
    manager = PluginManager(found=found)
    manager.configure(LoadedSettings(manager.declare_settings(core_settings())))
    bad, good = manager.registry.plugins
    assert (bad.name, bad.state) == ("bad", "quarantined")
    assert error in bad.error
    assert (good.state, good.hooks) == ("loaded", ("ictcore_register_programs",))
    assert list(manager.registry.programs) == ["good"]


def test_a_plugin_that_fails_late_leaves_nothing_behind() -> None:
    def fails() -> Any:
        raise RuntimeError("late")

    manager = managed(
        plugin(
            ictcore_register_settings=lambda: [Setting("loft", "x", int, 0, "X.")],
            ictcore_register_services=lambda: [service()],
            ictcore_register_gateways=lambda: [gateway()],
            ictcore_register_programs=fails,
        ),
        plugin(ictcore_register_services=lambda: [service("fish", 32)]),
    )
    assert states(manager) == ["quarantined", "loaded"]
    registry = manager.registry
    assert (list(registry.services), list(registry.gateways)) == (["fish"], [])
    assert "loft.x" not in registry.settings


@pytest.mark.parametrize(
    "hooks",
    [
        pytest.param({"ictcore_register_services": lambda: [service()]}, id="service"),
        pytest.param({"ictcore_register_services": lambda: [service("fish", 1), service()]}, id="one of two"),
        pytest.param({"ictcore_register_services": lambda: [service("other", 64)]}, id="service flag"),
        pytest.param({"ictcore_register_gateways": lambda: [gateway("loft", "fish")]}, id="gateway"),
        pytest.param({"ictcore_register_gateways": lambda: [gateway("pond", "bird")]}, id="provider type"),
        pytest.param({"ictcore_register_programs": lambda: [SimpleNamespace(name="sendpigeon")]}, id="program"),
        pytest.param({"ictcore_register_settings": lambda: [Setting("loft", "x", int, 1, "X.")]}, id="setting"),
        pytest.param({"ictcore_register_settings": lambda: [Setting("http", "port", int, 1, "X.")]}, id="core setting"),
    ],
)
def test_a_name_that_is_taken_disables_the_later_plugin_only(hooks: Any) -> None:
    first = plugin(
        ictcore_register_settings=lambda: [Setting("loft", "x", int, 0, "X.")],
        ictcore_register_services=lambda: [service()],
        ictcore_register_gateways=lambda: [gateway()],
        ictcore_register_programs=lambda: [SimpleNamespace(name="sendpigeon")],
    )
    manager = managed(first, plugin(**hooks))
    assert states(manager) == ["loaded", "quarantined"]
    assert "already" in manager.registry.plugins[1].error
    registry = manager.registry
    assert (list(registry.services), list(registry.gateways)) == (["pigeon"], ["loft"])
    assert registry.settings["loft.x"].default == 0


def test_two_plugins_of_one_name_keep_the_first(importable: Path) -> None:
    found = [entry_point(importable, "good", GOOD), entry_point(importable, "good", GOOD)]
    manager = PluginManager(found=found)
    manager.configure(LoadedSettings(manager.declare_settings(core_settings())))
    assert states(manager) == ["loaded", "quarantined"]
    assert list(manager.registry.programs) == ["good"]


@pytest.mark.parametrize("blocked", ["good", "GOOD"])
def test_a_blocked_plugin_is_not_even_imported(importable: Path, blocked: str) -> None:
    source = GOOD + f"\nopen({str(importable / 'imported')!r}, 'w').close()"
    manager = PluginManager(blocked=[blocked], found=[entry_point(importable, "good", source)])
    was_blocked = blocked == "good"
    assert states(manager) == ["blocked" if was_blocked else "loaded"]
    assert (importable / "imported").exists() is not was_blocked


def test_a_plugin_may_name_its_functions_as_it_likes() -> None:
    class Named:
        @hookimpl(specname="ictcore_register_services")
        def birds(self) -> Sequence[Any]:
            return [service()]

    manager = managed(Named())
    assert states(manager) == ["loaded"]
    assert "pigeon" in manager.registry.services


def test_trace_tells_every_call(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ictcore.plugins")
    managed(plugin(ictcore_register_services=lambda: [service()]), trace=True)
    assert "ictcore_register_services() -> ['p0']" in caplog.text
    assert "ictcore_register_services = [[" in caplog.text
    caplog.clear()
    managed(plugin(ictcore_register_services=lambda: [service()]))
    assert "ictcore_register_services" not in caplog.text


def test_nothing_is_needed_from_plugins() -> None:
    assert managed().registry == Registry(settings={setting.key: setting for setting in core_settings()})


def test_importing_the_core_imports_no_plugin() -> None:
    code = "import sys, ictcore.runtime, ictcore.cli.main; print([m for m in sys.modules if m.startswith('ictcore_')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


# -- where it is shown ------------------------------------------------------------------------------------------------


def running(home: Path, *plugins: Any, infos: Sequence[PluginInfo] = ()) -> Runtime:
    """A new system with these plugins and no others."""
    runtime = load_runtime(variables={"ICTCORE_HOME": str(home), "ICTCORE_SECURITY_ARGON2_MEMORY": "8"}, found=())
    for number, item in enumerate(plugins):
        runtime.plugins.register(item, f"p{number}", distribution=f"dist-{number}", version="1.2")
    runtime.plugins.configure(runtime.settings)
    runtime.registry.plugins.extend(infos)
    migrate(runtime.store)
    bootstrap(runtime.system, admin_password="correct horse")
    return runtime


def invoke(runtime: Runtime, *arguments: str) -> Any:
    """``ictcore`` with ``arguments``, over a runtime that exists already."""
    options = Options()
    options.__dict__["runtime"] = runtime
    return CliRunner().invoke(main, list(arguments), obj=options)


@pytest.fixture
def mixed(tmp_path: Path) -> Runtime:
    """One of each: loaded, quarantined, blocked."""
    infos = [PluginInfo("idle", "dist-idle", "3", "blocked")]
    fails = plugin(ictcore_register_programs=lambda: 1 / 0)
    return running(tmp_path, plugin(ictcore_register_services=lambda: [service()]), fails, infos=infos)


def test_the_api_shows_them(mixed: Runtime) -> None:
    client = testing.TestClient(create(mixed.system))
    assert client.simulate_get("/plugins").status_code == 401
    token = client.simulate_post("/authenticate", json={"username": "admin", "password": "correct horse"}).json["token"]
    assert client.simulate_get("/plugins", headers={"Authorization": f"Bearer {token}"}).json == [
        {"name": "p0", "distribution": "dist-0", "version": "1.2", "state": "loaded",
         "hooks": ["ictcore_register_services"], "error": ""},
        {"name": "p1", "distribution": "dist-1", "version": "1.2", "state": "quarantined",
         "hooks": ["ictcore_register_programs"], "error": "ZeroDivisionError: division by zero"},
        {"name": "idle", "distribution": "dist-idle", "version": "3", "state": "blocked", "hooks": [], "error": ""},
    ]  # fmt: skip


def test_the_command_shows_them(mixed: Runtime) -> None:
    result = invoke(mixed, "plugins")
    assert result.exit_code == 1, "something is broken"
    for text in ("p0", "dist-0", "1.2", "loaded", "register_services", "quarantined", "division by zero", "blocked"):
        assert text in result.output


def test_health_names_the_quarantined_and_stays_ready(mixed: Runtime) -> None:
    report = health.check(mixed.system)
    faults = {entry.name: entry.fault for entry in report.dependencies if not entry.ok}
    assert faults["plugin p1"] == "quarantined: ZeroDivisionError: division by zero"
    assert report.ready


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param(lambda runtime: 1 / 0, id="exception"),
        pytest.param(lambda runtime: [42], id="no command"),
        pytest.param(lambda runtime: [click.Command("run")], id="name of a core command"),
        pytest.param(lambda runtime: [click.Command("")], id="no name"),
    ],
)
def test_a_plugin_with_broken_commands_breaks_no_command(tmp_path: Path, commands: Any) -> None:
    runtime = running(
        tmp_path,
        plugin(ictcore_register_commands=commands),
        plugin(ictcore_register_commands=lambda runtime: [click.Command("coo", callback=lambda: click.echo("coo"))]),
    )
    shown = invoke(runtime, "--help")
    assert shown.exit_code == 0
    assert "Run everything" in shown.output
    assert invoke(runtime, "coo").stdout == "coo\n"
    assert invoke(runtime, "version").exit_code == 0
